// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// sampling are the modules dpscope's patches change.
var sampling = []string{"psample", "act_sample", "openvswitch"}

// Modules are what the cases use; LoadModules loads them. ipv6 comes first: a
// vxlan device that comes up asks for it with the lock held that ipv6 needs to
// start, and both would wait for ever.
var Modules = []string{"ipv6", "psample", "act_sample", "cls_matchall", "sch_ingress", "openvswitch", "veth", "vxlan"}

func moduleCases() []selftests.Case {
	var out []selftests.Case
	for _, order := range permutations(sampling) {
		out = append(out, selftests.Case{
			Name:    "module-reload-" + strings.ReplaceAll(strings.Join(order, "-"), "_", "-"),
			Doc:     "unload and load in the order " + strings.Join(order, ", ") + ": modules in use stay, and sampling works again",
			Needs:   []selftests.Feature{Psample, TCSample, OpenVSwitch, IdleModules},
			MayNeed: []selftests.Feature{SampleCookie, PsampleAction},
			Global:  true,
			Timeout: 3 * time.Minute,
			Run:     func(t *selftests.T) { reload(t, order) },
		})
	}
	return out
}

func permutations(list []string) [][]string {
	if len(list) <= 1 {
		return [][]string{slices.Clone(list)}
	}
	var out [][]string
	for i, first := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		for _, p := range permutations(rest) {
			out = append(out, append([]string{first}, p...))
		}
	}
	return out
}

// LoadModules loads what can be loaded. What cannot be is a matter of the
// features, so errors are only for the curious.
func LoadModules(ctx context.Context) []error {
	var errs []error
	for _, m := range Modules {
		if err := modprobe(ctx, m); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// modprobe loads a module with what it depends on. Finding and unpacking the
// file is the system's business, hence its program.
func modprobe(ctx context.Context, module string) error {
	cmd := exec.CommandContext(ctx, "modprobe", module)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("load module %s: %w: %s", module, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// module is one line of /proc/modules.
type module struct {
	refs int
	by   []string // modules that use it
}

func loadedModules() (map[string]module, error) {
	b, err := os.ReadFile("/proc/modules")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // a kernel without modules
	}
	if err != nil {
		return nil, fmt.Errorf("read modules: %w", err)
	}
	return parseModules(string(b)), nil
}

// parseModules reads lines like "psample 20480 2 act_sample,openvswitch, Live".
// A module built in is not there; one that cannot be unloaded says "[permanent]".
func parseModules(text string) map[string]module {
	out := map[string]module{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		refs, err := strconv.Atoi(f[2])
		if err != nil {
			continue // no unloading on this kernel
		}
		m := module{refs: refs}
		for by := range strings.SplitSeq(f[3], ",") {
			if by != "" && by != "-" {
				m.by = append(m.by, by)
			}
		}
		out[f[0]] = m
	}
	return out
}

// idle tells whether all three modules are there and have no users but each
// other and openvswitch's port modules.
func idle(mods map[string]module) bool {
	for _, name := range sampling {
		m, ok := mods[name]
		if !ok || m.refs != len(m.by) {
			return false
		}
		for _, by := range m.by {
			if user, ok := mods[by]; !ok || user.refs != 0 || !slices.Contains(sampling, by) && !strings.HasPrefix(by, "vport_") {
				return false
			}
		}
	}
	return true
}

// teardown bounds the time in which at least one of the namespaces of earlier
// cases is gone: they are torn down in the background, one after the other,
// which takes seconds each where processors are emulated.
const teardown = 30 * time.Second

// modulesIdle waits for earlier cases' namespaces, as long as some go.
func modulesIdle(ctx context.Context) (bool, error) {
	deadline, last := time.Now().Add(teardown), -1
	for {
		mods, err := loadedModules()
		if err != nil {
			return false, err
		}
		if idle(mods) {
			return true, nil
		}
		loaded, refs := true, 0
		for _, name := range sampling {
			m, ok := mods[name]
			loaded = loaded && ok
			refs += m.refs
		}
		if refs != last {
			deadline, last = time.Now().Add(teardown), refs
		}
		if !loaded || time.Now().After(deadline) || ctx.Err() != nil {
			return false, ctx.Err()
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// unload takes a module out of the kernel, without waiting for its users.
func unload(name string) error {
	return unix.DeleteModule(name, unix.O_NONBLOCK)
}

// reload unloads the modules in one order, as often as it takes: what another
// one needs must stay. Then it loads them in the same order and samples.
func reload(t *selftests.T, order []string) {
	// Whatever happens, later cases want the modules.
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		for _, m := range sampling {
			if err := modprobe(ctx, m); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
	// A socket in the group must neither hold the module nor fall with it.
	deaf := topo.NewListener(t, t.NS())
	waitIdle(t)
	unloadPorts(t)
	pending := slices.Clone(order)
	for len(pending) > 0 {
		before := len(pending)
		pending = slices.DeleteFunc(pending, func(name string) bool { return unloadUnlessUsed(t, name) })
		if len(pending) == before {
			t.Fatalf("modules %s use each other in a circle", strings.Join(pending, ", "))
		}
	}
	if has, err := hasFamily(uapi.PSAMPLE_GENL_NAME, "psample")(t.Context()); err != nil || has {
		t.Errorf("psample is unloaded, but its family is there: %v, %v", has, err)
	}
	for _, name := range order {
		t.Must(modprobe(t.Context(), name))
	}
	samplesAgain(t)
	if got := deaf.Take(0); len(got) > 0 {
		t.Errorf("a socket that joined before the reload got %d samples without joining again", len(got))
	}
}

func waitIdle(t *selftests.T) {
	ok, err := modulesIdle(t.Context())
	t.Must(err)
	if !ok {
		mods, _ := loadedModules()
		t.Fatalf("modules are still in use: %v", mods)
	}
}

// unloadPorts takes out openvswitch's port modules, which hold it.
func unloadPorts(t *selftests.T) {
	mods, err := loadedModules()
	t.Must(err)
	for _, by := range mods["openvswitch"].by {
		if strings.HasPrefix(by, "vport_") {
			t.Must(unload(by))
		}
	}
}

// unloadUnlessUsed unloads a module, or checks that the kernel refuses to while
// another one uses it.
func unloadUnlessUsed(t *selftests.T, name string) bool {
	mods, err := loadedModules()
	t.Must(err)
	users := mods[name].by
	err = unload(name)
	switch {
	case len(users) == 0 && err != nil:
		t.Fatalf("unload %s, which nobody uses: %v", name, err)
	case len(users) > 0 && !errors.Is(err, unix.EAGAIN):
		t.Fatalf("unload %s, which %s uses: %v, want %v", name, strings.Join(users, ", "), err, unix.EAGAIN)
	}
	return err == nil
}

// samplesAgain samples by tc and, where it can, by Open vSwitch.
func samplesAgain(t *selftests.T) {
	l := newLink(t, 10, topo.Ingress)
	action := topo.TCSample{Rate: 1, Group: 1}
	frame := l.frame(100)
	w := l.want(1, frame)
	if t.Has(SampleCookie) {
		action.Cookie, w.cookie = cookie16, cookie16
	}
	topo.AddTCSample(t, l.v, topo.Ingress, action)
	samples := topo.NewListener(t, t.NS())
	l.out.Send(frame, 3)
	w.checkAll(t, "tc after the reload", samples.Expect(3), true)
	l.in.Expect(3, frame)

	b := newBridge(t)
	frame = b.frame(100)
	if !t.Has(PsampleAction) {
		b.flow(odp.Output{Port: b.out})
		b.send.Send(frame, 3)
		b.recv.Expect(3, frame)
		return
	}
	b.flow(odp.Psample{Group: 2, Cookie: cookie16}, odp.Output{Port: b.out})
	b.send.Send(frame, 3)
	ow := b.want(2, frame)
	ow.cookie = cookie16
	ow.checkAll(t, "Open vSwitch after the reload", samples.Expect(3), false)
	b.recv.Expect(3, frame)
}
