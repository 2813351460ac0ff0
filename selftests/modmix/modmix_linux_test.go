// SPDX-License-Identifier: Apache-2.0

package modmix

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needLab keeps the tests off machines whose modules are somebody's.
func needLab(t *testing.T) tree {
	t.Helper()
	if os.Getenv("DPLAB_KERNEL") == "" {
		t.Skip("loads and unloads modules: run it in a lab guest (.ci/test-kabi does)")
	}
	tr := openTree(t)
	// What openvswitch depends on stays loaded, so that it can be inserted.
	must(t, "modprobe", "-a", "openvswitch", "act_sample", "cls_matchall", "sch_ingress", "veth")
	remove(t, append(tr.users(t, ours...), "act_sample", "openvswitch", "psample")...)
	return tr
}

// origin is where a module comes from.
type origin string

const (
	absent origin = ""
	stock  origin = "stock" // the kernel's own
	our    origin = "our"
)

// dirs are where modprobe finds them.
var dirs = map[origin]string{stock: "kernel", our: "updates"}

// mixture tells for each of our modules which one is loaded.
type mixture struct{ psample, actSample, openvswitch origin }

// of gives the place of a module.
func (m *mixture) of(name string) *origin {
	return map[string]*origin{"psample": &m.psample, "act_sample": &m.actSample, "openvswitch": &m.openvswitch}[name]
}

func (m mixture) String() string {
	var words []string
	for _, name := range ours {
		if o := *m.of(name); o != absent {
			words = append(words, string(o)+" "+name)
		}
	}
	return strings.Join(words, ", ")
}

// takes is the rule: our act_sample and openvswitch need our psample, the
// kernel's own act_sample any, the kernel's own openvswitch none.
func (m mixture) takes(o origin, name string) bool {
	switch {
	case name == "psample":
		return true
	case o == our:
		return m.psample == our
	}
	return m.psample != absent || name == "openvswitch"
}

// TestEveryOrder walks from no module to every mixture of them there can be, and
// in each tries to insert every module that is not there yet. So it takes every
// step of every order. What has to be refused is so for a symbol of psample's,
// not for a version.
func TestEveryOrder(t *testing.T) {
	tr := needLab(t)
	log := openLog(t)
	seen := map[mixture]bool{}
	taken, refused := 0, 0
	var walk func(m mixture)
	walk = func(m mixture) {
		if seen[m] {
			return
		}
		seen[m] = true
		for _, name := range ours {
			if *m.of(name) != absent {
				continue
			}
			for _, o := range []origin{stock, our} {
				what := fmt.Sprintf("%s %s after (%v)", o, name, m)
				log.skip()
				err := insert(tr.file(t, dirs[o], name))
				if err == nil && outOfTree(name) != (o == our) {
					t.Errorf("%s: another one was loaded", what)
				}
				switch {
				case m.takes(o, name) && err != nil:
					t.Errorf("%s: %v: %s", what, err, log.text())
				case m.takes(o, name):
					taken++
					next := m
					*next.of(name) = o
					walk(next)
				case !errors.Is(err, unix.ENOENT):
					t.Errorf("%s: %v, want %v", what, err, unix.ENOENT)
				default:
					refused++
					if text := log.text(); !strings.Contains(text, name+": Unknown symbol psample_") {
						t.Errorf("%s: refused, but not for a symbol of psample: %s", what, text)
					}
				}
				remove(t, name)
			}
		}
	}
	walk(mixture{})
	t.Logf("%d mixtures, %d modules loaded, %d refused", len(seen), taken, refused)
}

// TestMixturesSample looks at what the mixtures that can be loaded do: a cookie
// arrives or is refused, and is never dropped without a word.
func TestMixturesSample(t *testing.T) {
	tr := needLab(t)
	for _, m := range []mixture{
		{stock, stock, stock}, {our, stock, stock}, {our, our, stock}, {our, stock, our}, {our, our, our},
	} {
		t.Run(m.String(), func(t *testing.T) {
			t.Cleanup(func() { remove(t, "act_sample", "openvswitch", "psample") })
			for _, name := range ours {
				if err := insert(tr.file(t, dirs[*m.of(name)], name)); err != nil {
					t.Fatal(err)
				}
			}
			link := newLink(t)
			link.tc(t, m.actSample == our)
			link.openvswitch(t, m.openvswitch == our)
		})
	}
}

// TestUsers loads the kernel's other modules that use psample and openvswitch
// beside ours, each by itself and all together.
func TestUsers(t *testing.T) {
	tr := needLab(t)
	users := tr.users(t, ours...)
	if len(users) == 0 {
		t.Fatal("this kernel has no module that uses ours")
	}
	t.Logf("modules that use ours: %s", strings.Join(users, " "))
	all := append(slices.Clone(users), "act_sample", "openvswitch", "psample")
	load := func(name string) {
		if status, out := run("modprobe", name); status != 0 || !loaded(name) {
			t.Errorf("modprobe %s: status %d: %s", name, status, out)
		}
	}
	check := func(what string) {
		n := 0
		for _, name := range ours {
			if !loaded(name) {
				continue
			}
			if n++; !outOfTree(name) {
				t.Errorf("%s: %s is not ours", what, name)
			}
		}
		if n == 0 {
			t.Errorf("%s: needs none of our modules", what)
		}
	}
	for _, name := range users {
		load(name)
		check(name)
		remove(t, all...)
	}
	for _, name := range slices.Concat(users, ours) {
		load(name)
	}
	check("all")
	link := newLink(t)
	link.tc(t, true)
	link.openvswitch(t, true)
	link.remove(t)
	remove(t, all...)

	// The kernel's own psample, from an initramfs for example: drivers find
	// it, ours are refused and come after it has made place.
	if err := insert(tr.file(t, "kernel", "psample")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"act_sample", "openvswitch"} {
		if status, _ := run("modprobe", name); status == 0 || loaded(name) {
			t.Errorf("modprobe %s beside the kernel's own psample: status %d", name, status)
		}
	}
	for _, name := range tr.users(t, "psample") {
		if !slices.Contains(tr.users(t, "openvswitch"), name) {
			load(name)
		}
	}
	remove(t, all...)
	for _, name := range ours {
		load(name)
	}
	check("afterwards")
	remove(t, all...)
}

// kernelLog reads what the kernel says.
type kernelLog struct {
	t  *testing.T
	fd int
}

func openLog(t *testing.T) kernelLog {
	t.Helper()
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return kernelLog{t, fd}
}

func (l kernelLog) skip() {
	if _, err := unix.Seek(l.fd, 0, 2); err != nil {
		l.t.Fatal(err)
	}
}

// text is all that was said since skip.
func (l kernelLog) text() string {
	var out strings.Builder
	buf := make([]byte, 8192)
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		n, err := unix.Read(l.fd, buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return out.String()
		case errors.Is(err, unix.EPIPE): // overwritten meanwhile
		case err != nil:
			l.t.Fatal(err)
		default:
			_, line, _ := strings.Cut(string(buf[:n]), ";")
			out.WriteString(line)
		}
	}
	return out.String()
}
