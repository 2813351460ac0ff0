// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// foreign are the kernels from other suites.
var foreign = []string{"6.12", "7.2"}

// on gives a guest on a named kernel. A kernel of a moving suite may be
// unusable today; that is said, not failed.
func on(t *testing.T, kernel string, flags []string, argv ...string) *guest {
	t.Helper()
	k, err := kernels.Find(kernel, underVM)
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command(dplab, guestArgs(kernel, nil, "true")...)
	if out, err := build.CombinedOutput(); err != nil {
		if k.Moving {
			t.Skipf("WARNING: kernel %s is not to be had today: %v\n%s", kernel, err, out)
		}
		t.Fatalf("kernel %s: %v\n%s", kernel, err, out)
	}
	g := command(t, flags, argv...)
	g.Args = append([]string{dplab}, guestArgs(kernel, flags, argv...)...)
	return g
}

// TestForeignKernels has all that differs between the kernels go once through
// a guest: lines, status, shared directory, modules, memory, the host's files
// with their owners.
func TestForeignKernels(t *testing.T) {
	t.Parallel()
	for _, kernel := range foreign {
		t.Run(kernel, func(t *testing.T) {
			t.Parallel()
			data := noise(3 << 20)
			g := on(t, kernel, []string{"--mem", "300M"}, "sh", "-c", `
				set -e
				cat
				uname -r >release
				awk '/MemTotal/ {print int($2/1024)}' /proc/meminfo >memory
				modprobe openvswitch && modprobe act_sample
				stat -c %u /usr/bin/env >owner
				test "$DPLAB_KERNEL" = `+kernel+` && test -z "$LD_LIBRARY_PATH"
				echo words >&2
				exit 7`)
			g.Stdin = bytes.NewReader(data)
			if got := g.status(t); got != 7 || g.errs.String() != "words\n" {
				t.Errorf("status %d, %s", got, g.errs.String())
			}
			if !bytes.Equal(g.out.Bytes(), data) {
				t.Errorf("%d bytes of %d came back, or they differ", g.out.Len(), len(data))
			}
			read := func(name string) string {
				text, err := os.ReadFile(filepath.Join(g.Dir, name))
				if err != nil {
					t.Error(err)
				}
				return strings.TrimSpace(string(text))
			}
			if got := read("release"); !strings.HasPrefix(got, kernel+".") {
				t.Errorf("the kernel is %s", got)
			}
			// The program's memory layout, and with it the guest's memory, must
			// not depend on the loader.
			if mb := read("memory"); len(mb) != 3 || mb < "240" || mb > "300" {
				t.Errorf("the guest has %s MB", mb)
			}
			if got := read("owner"); got != "0" {
				t.Errorf("root's files belong to %s", got)
			}
		})
	}
}

// TestForeignResidue kills the caller, and the guard, the hard way.
func TestForeignResidue(t *testing.T) {
	t.Parallel()
	for _, kernel := range foreign {
		for _, victim := range []string{"caller", "guard"} {
			t.Run(kernel+" "+victim, func(t *testing.T) {
				t.Parallel()
				g := on(t, kernel, nil, "sh", "-c", "sleep 900 & "+sleeper)
				g.start(t)
				guard, dir := g.runDir(t)
				group := kernelPid(t, dir)
				pid := g.Process.Pid
				if victim == "guard" {
					pid = guard
				}
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				_ = g.Wait()
				noResidue(t, dir)
				// Their command lines do not tell whose they are.
				for deadline := time.Now().Add(10 * time.Second); len(groupOf(group)) > 0; time.Sleep(20 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("processes left: %v", groupOf(group))
					}
				}
			})
		}
	}
}

// groupOf lists the living processes of a process group.
func groupOf(group int) []string {
	var left []string
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, d := range dirs {
		stat, err := os.ReadFile(d)
		if err != nil {
			continue
		}
		var state string
		var parent, pgrp int
		end := bytes.LastIndexByte(stat, ')')
		if _, err := fmt.Sscan(string(stat[end+1:]), &state, &parent, &pgrp); err == nil && pgrp == group && state != "Z" {
			left = append(left, string(stat[:end+1]))
		}
	}
	return left
}

// zoneScript sends pings through a datapath that tracks them in zone 4 and lets
// only replies of tracked connections back. The actions and keys are written as
// the kernel has them: action 12 is ct with attributes commit (1) and zone (2),
// keys 22 and 23 are ct_state and ct_zone.
const zoneScript = `
set -e
modprobe openvswitch
ovs-dpctl add-dp d0
for n in 1 2; do
	ip netns add n$n
	ip link add p$n type veth peer name e$n netns n$n
	ip link set p$n up
	ip -n n$n addr add 10.0.0.$n/24 dev e$n
	ip -n n$n link set e$n up
	ovs-dpctl add-if d0 p$n
done
flow() { ovs-dpctl add-flow d0 "$1" "$2"; }
flow 'in_port(1),eth(),eth_type(0x0806),arp()' 2
flow 'in_port(2),eth(),eth_type(0x0806),arp()' 1
flow 'recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4()' 'unknown(12,nested,hex=040001000600020004000000),recirc(0x1)'
flow 'recirc_id(0),in_port(2),eth(),eth_type(0x0800),ipv4()' 'unknown(12,nested,hex=0600020004000000),recirc(0x1)'
flow 'recirc_id(0x1),in_port(1),unknown(23,hex=0400/ffff),eth(),eth_type(0x0800),ipv4()' 2
flow 'recirc_id(0x1),in_port(2),unknown(22,hex=02000000/02000000),unknown(23,hex=0400/ffff),eth(),eth_type(0x0800),ipv4()' 1
ip netns exec n1 ping -q -c 3 -i 0.2 -W 5 10.0.0.2 | grep -o '[0-9]* received'
ovs-dpctl dump-flows d0 | grep -cE '040001000600020004000000|ct:?\(commit,zone=4\)'
grep -o 'zone=4' /proc/net/nf_conntrack
# Every module built anew must load, and with those that were not.
for m in $(ls /lib/modules/$(uname -r)/updates) xt_conntrack nf_flow_table; do modprobe ${m%.ko}; done
tc qdisc add dev lo clsact
tc filter add dev lo ingress matchall action ct zone 3
tc filter show dev lo ingress | grep -o 'zone 3'
echo done`

func TestConntrackZones(t *testing.T) {
	t.Parallel()
	for _, k := range kernels.All() {
		if k.VM != underVM {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			g := on(t, k.Name, nil, "sh", "-c", zoneScript)
			got := g.status(t)
			if !k.Zones && k.VM == kernels.UML {
				if got != 1 || !strings.Contains(g.errs.String(), "invalid argument") {
					t.Errorf("without zones: status %d, %q, %s", got, g.out.String(), g.errs.String())
				}
				return
			}
			if got != 0 || g.out.String() != "3 received\n1\nzone=4\nzone 3\ndone\n" {
				t.Errorf("status %d, %q, %s", got, g.out.String(), g.errs.String())
			}
		})
	}
}

// TestUnusableSuite has a mirror without sid: asked for by name that is status
// 3, with the reason kept for the list, and another kernel is built all the
// same.
func TestUnusableSuite(t *testing.T) {
	onlyUML(t)
	t.Parallel()
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	wrapper := "#!/bin/sh\ncase \"$*\" in *suites/sid/*update*) echo 'E: no such suite here' >&2; exit 100;; esac\nexec " + apt + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "apt-get"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "PATH="+bin+":"+os.Getenv("PATH"))
	run := func(args ...string) (int, string, string) {
		cmd := exec.Command(dplab, args...)
		cmd.Env = env
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		return exitStatus(t, cmd.Run()), out.String(), errs.String()
	}
	status, _, errs := run("build", "7.2", "6.1")
	if status != 3 || !strings.Contains(errs, "no such suite here") || !strings.Contains(errs, "kernel 6.1 is ready") {
		t.Errorf("build: status %d\n%s", status, errs)
	}
	_, out, _ := run("list", "-j")
	var list struct {
		Items []struct {
			Name, VM, Reason string
			Built            bool
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	for _, k := range list.Items {
		// Nobody has asked for those of machines.
		switch k.Name + " " + k.VM {
		case "7.2 uml":
			if k.Built || !strings.Contains(k.Reason, "no such suite here") {
				t.Errorf("%+v", k)
			}
		case "6.1 uml":
			if !k.Built {
				t.Errorf("%+v", k)
			}
		}
	}
	if status, _, errs := run("run", "--kernel", "7.2", "--", "true"); status != 125 || !strings.Contains(errs, "no such suite here") {
		t.Errorf("run: status %d\n%s", status, errs)
	}
}
