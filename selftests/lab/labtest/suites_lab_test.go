// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// inSuite gives a guest with a suite's userland, built first. A moving suite
// may be unusable today; that is said, not failed.
func inSuite(t *testing.T, name string, flags []string, argv ...string) *guest {
	t.Helper()
	buildSuite(t, name)
	return command(t, append([]string{"--suite", name}, flags...), argv...)
}

func buildSuite(t *testing.T, name string) {
	t.Helper()
	s, _, err := suites.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(dplab, "run", "--kernel", underTest, "--suite", name, "--", "true").CombinedOutput(); err != nil {
		if s.Moving {
			t.Skipf("WARNING: suite %s is not to be had today: %v\n%s", name, err, out)
		}
		t.Fatalf("suite %s: %v\n%s", name, err, out)
	}
}

// treeOf is where a suite's tree lies.
func treeOf(t *testing.T, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	roots, err := filepath.Glob(filepath.Join(cache, "dpscope/lab/suites", name+"-*", "root"))
	if err != nil || len(roots) == 0 {
		t.Fatalf("the tree of %s: %v, %v", name, roots, err)
	}
	return roots[len(roots)-1]
}

// TestSuites looks at every suite from inside: it is a Debian of that name with
// the programs that are promised, and all that holds for the host's files holds
// for its: streams, status, shared directory, our tools.
func TestSuites(t *testing.T) {
	t.Parallel()
	for _, s := range suites.All() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			data := noise(1 << 20)
			g := inSuite(t, s.Name, nil, "sh", "-c", `
				set -e
				cat
				. /etc/os-release
				{ echo "$ID ${VERSION_CODENAME:-none} $PRETTY_NAME" && ovs-vswitchd --version && pwd && cat given; } >seen
				test "$DPLAB_SUITE" = `+s.Name+` && test "$HOME" = /root && test -d /root && test "$(hostname)" = lab
				for p in ovs-vsctl ovs-appctl ovn-nbctl ip ping arping tcpdump ncat conntrack nft ethtool \
					modprobe gawk column dmesg ps bc busybox; do command -v $p >/dev/null || { echo "no $p" >&2; exit 1; }; done
				python3 -c 'import pyroute2, yaml, jsonschema'
				test "$(command -v dplab)" = "`+dplab+`" && dplab list >/dev/null
				modprobe openvswitch && ovs-dpctl add-dp d0 && ovs-dpctl show d0 | grep -q 'port 0: d0'
				ip netns add n && ip netns exec n ip link set lo up
				: >/usr/bin/new; echo x >>/etc/passwd; rm /usr/bin/env; : >/var/lib/openvswitch/new
				echo words >&2
				exit 7`)
			if err := os.WriteFile(filepath.Join(g.Dir, "given"), []byte("from the host\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			g.Stdin = bytes.NewReader(data)
			if got := g.status(t); got != 7 || g.errs.String() != "words\n" {
				t.Fatalf("status %d, %s", got, g.errs.String())
			}
			if !bytes.Equal(g.out.Bytes(), data) {
				t.Errorf("%d bytes of %d came back, or they differ", g.out.Len(), len(data))
			}
			seen, err := os.ReadFile(filepath.Join(g.Dir, "seen"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(string(seen), "\n")
			if !strings.HasPrefix(lines[0], "debian ") || !strings.Contains(lines[0], s.Name) {
				t.Errorf("the system calls itself %s", lines[0])
			}
			if !strings.HasPrefix(lines[1], "ovs-vswitchd (Open vSwitch) ") {
				t.Errorf("Open vSwitch: %s", lines[1])
			}
			if !strings.HasSuffix(string(seen), "\n"+g.Dir+"\nfrom the host\n") {
				t.Errorf("the working directory: %s", seen)
			}
			root := treeOf(t, s.Name)
			for path, there := range map[string]bool{"usr/bin/new": false, "usr/bin/env": true, "var/lib/openvswitch/new": false} {
				if _, err := os.Lstat(filepath.Join(root, path)); (err == nil) != there {
					t.Errorf("the tree has %s: %v", path, !there)
				}
			}
			if passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd")); err != nil || strings.HasSuffix(string(passwd), "\nx\n") {
				t.Errorf("the tree's passwd: %v\n%s", err, passwd)
			}
		})
	}
}

// TestSuiteOnEveryKernel has the kernel and the userland from different suites.
func TestSuiteOnEveryKernel(t *testing.T) {
	t.Parallel()
	buildSuite(t, "trixie")
	for kernel, want := range map[string]string{"6.1-dpscope": "6.1.", "6.12": "6.12."} {
		t.Run(kernel, func(t *testing.T) {
			t.Parallel()
			g := on(t, kernel, []string{"--suite", "trixie"}, "sh", "-c", "uname -r; ovs-vswitchd --version; modprobe psample && ls -d /sys/module/psample")
			if got := g.status(t); got != 0 || !strings.HasPrefix(g.out.String(), want) ||
				!strings.Contains(g.out.String(), "\novs-vswitchd (Open vSwitch) 3.5.") || !strings.HasSuffix(g.out.String(), "/sys/module/psample\n") {
				t.Errorf("status %d, %q, %s", got, g.out.String(), g.errs.String())
			}
		})
	}
}

// TestSuiteHidesTheHost wants nothing of the host but what is promised: its
// system is the suite's, a command of its by path is the suite's, and a working
// directory that is part of the system is not shared.
func TestSuiteHidesTheHost(t *testing.T) {
	t.Parallel()
	g := inSuite(t, "trixie", nil, "/bin/sh", "-c", "pwd; ls /var/lib/dpkg/status /usr/bin/ovs-vsctl; test -e '"+t.TempDir()+"' && echo seen")
	g.Dir = "/usr/bin"
	if got := g.status(t); got != 1 || g.out.String() != "/usr/bin\n/usr/bin/ovs-vsctl\n/var/lib/dpkg/status\n" ||
		!strings.Contains(g.errs.String(), "the working directory is the guest's own /usr/bin") {
		t.Errorf("status %d, %q, %s", got, g.out.String(), g.errs.String())
	}

	// A program of the host's elsewhere is there, and one that is not in the
	// suite is not found.
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\ngrep -c trixie /etc/os-release\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	g = inSuite(t, "trixie", nil, program)
	if got := g.status(t); got != 0 || g.out.String() == "0\n" {
		t.Errorf("%s: status %d, %q, %s", program, got, g.out.String(), g.errs.String())
	}
	g = inSuite(t, "trixie", nil, "debootstrap")
	if got := g.status(t); got != 127 {
		t.Errorf("debootstrap: status %d, %q, %s", got, g.out.String(), g.errs.String())
	}
}

// TestUnusableSuiteUserland has a mirror without sid, and one whose packages
// are gone: status 3, the reason in the list, nothing left; others are built.
func TestUnusableSuiteUserland(t *testing.T) {
	t.Parallel()
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		t.Fatal(err)
	}
	bin, cache := t.TempDir(), t.TempDir()
	wrapper := "#!/bin/sh\ncase \"$*\" in *userlands/sid/*update*) echo 'E: no such suite here' >&2; exit 100;; *libc6=*) echo 'E: 404 gone' >&2; exit 100;; esac\nexec " + apt + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "apt-get"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (int, string, string) {
		cmd := exec.Command(dplab, args...)
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "PATH="+bin+":"+os.Getenv("PATH"))
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		return exitStatus(t, cmd.Run()), out.String(), errs.String()
	}
	status, _, errs := run("build", "sid", "6.1")
	if status != 3 || !strings.Contains(errs, "build suite sid: not to be had") || !strings.Contains(errs, "no such suite here") || !strings.Contains(errs, "kernel 6.1 is ready") {
		t.Errorf("build: status %d\n%s", status, errs)
	}
	if status, out, _ := run("list"); status != 0 || !strings.Contains(out, "not built: not to be had") || !strings.Contains(out, "no such suite here") {
		t.Errorf("list: status %d\n%s", status, out)
	}
	if status, _, errs := run("run", "--kernel", "6.1", "--suite", "sid", "--", "true"); status != 125 || !strings.Contains(errs, "no such suite here") {
		t.Errorf("run: status %d\n%s", status, errs)
	}
	if status, _, errs := run("build", "trixie"); status != 1 || !strings.Contains(errs, "404 gone") {
		t.Errorf("build without packages: status %d\n%s", status, errs)
	}
	if dirs, _ := filepath.Glob(filepath.Join(cache, "dpscope/lab/suites/*-*")); dirs != nil {
		t.Errorf("left: %v", dirs)
	}
}

// TestInterruptedSuite breaks a build off while packages are being installed.
func TestInterruptedSuite(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	cmd := exec.Command(dplab, "build", "trixie")
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	log := filepath.Join(cache, "dpscope/lab/logs/suite-trixie.log")
	// In the middle of it, with the new system's own file systems mounted.
	for deadline := time.Now().Add(10 * time.Minute); ; {
		text, _ := os.ReadFile(log)
		if strings.Contains(string(text), "Unpacking required packages") {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the build has ended: %v\n%s\n%s", err, errs.String(), text)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			<-ended
			t.Fatalf("the packages are not installed:\n%s\n%s", errs.String(), text)
		}
	}
	if got := users(cache); len(got) < 2 {
		t.Errorf("the build and what it runs are not found: %v", got)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := exitStatus(t, <-ended); got != 1 || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("status %d\n%s", got, errs.String())
	}
	if dirs, _ := filepath.Glob(filepath.Join(cache, "dpscope/lab/suites/*-*")); dirs != nil {
		t.Errorf("left: %v", dirs)
	}
	if left := users(cache); left != nil {
		t.Errorf("left: %q", left)
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err != nil || strings.Contains(string(mounts), cache) {
		t.Errorf("left: %v\n%s", err, mounts)
	}
	if why, err := filepath.Glob(filepath.Join(cache, "dpscope/lab/suites/*.failed")); err != nil || why != nil {
		t.Errorf("an interruption was noted: %v", why)
	}
}

// users lists the processes that have to do with a cache of a test's own, by
// their command line, variables, directory or mounts: a build's programs have a
// root elsewhere, and no variables.
func users(cache string) (found []string) {
	// A file system knows the path only from its own root on.
	own := filepath.Join(filepath.Base(filepath.Dir(cache)), filepath.Base(cache)) + "/"
	for _, p := range processes() {
		proc := filepath.Join("/proc", strconv.Itoa(p.pid))
		environ, _ := os.ReadFile(filepath.Join(proc, "environ"))
		mounts, _ := os.ReadFile(filepath.Join(proc, "mountinfo"))
		cwd, _ := os.Readlink(filepath.Join(proc, "cwd"))
		line := strings.Join(p.args, " ")
		if strings.Contains(line, cache) || strings.Contains(string(environ), "="+cache) ||
			strings.Contains(cwd+"/", own) || strings.Contains(string(mounts), own) {
			found = append(found, fmt.Sprintf("process %d %s", p.pid, line))
		}
	}
	return found
}

// TestSuiteWithoutRoot installs one in a guest, as somebody who owns nothing
// but a home directory. It takes minutes.
func TestSuiteWithoutRoot(t *testing.T) {
	if os.Getenv("DPSCOPE_LAB_LONG") != "1" {
		t.Skip("takes minutes: not run without DPSCOPE_LAB_LONG=1")
	}
	if os.Geteuid() != 0 {
		t.Skip("the other tests are unprivileged already")
	}
	home, err := os.MkdirTemp("", "dplab-test-home")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	nobody := func(args ...string) (int, string, string) {
		cmd := exec.Command(dplab, args...)
		cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		return exitStatus(t, cmd.Run()), out.String(), errs.String()
	}
	if status, _, errs := nobody("build", "trixie"); status != 0 || !strings.Contains(errs, "installing them in a guest") {
		t.Fatalf("build: status %d\n%s", status, errs)
	}
	status, out, errs := nobody("run", "--kernel", "6.1", "--suite", "trixie", "--", "sh", "-c",
		"mount -t tmpfs x /mnt && : >/etc/new && : >~/new && ovs-vswitchd --version && find / -xdev -perm /6000 -type f; id -u; touch made")
	if status != 0 || !strings.HasPrefix(out, "ovs-vswitchd (Open vSwitch) 3.5.") || !strings.HasSuffix(out, "\n0\n") || strings.Contains(out, "/usr/") {
		t.Errorf("run: status %d, %q, %s", status, out, errs)
	}
	if _, err := os.Stat(filepath.Join(home, "made")); err != nil {
		t.Error(err)
	}
}
