// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mdlayher/genetlink"

	"github.com/dpscope/dpscope/nl/uapi"
)

// System is where files are looked at.
type System struct {
	Root    string // of the file system; empty: /
	Release string // of the running kernel
	Machine string
}

func (s System) path(elem ...string) string {
	return filepath.Join(append([]string{cmp.Or(s.Root, "/")}, elem...)...)
}

// Kernel is what runs.
func (s System) Kernel() Check {
	return Check{Area: "kernel", Name: "release", Status: Info, Detail: s.Release + " " + s.Machine}
}

// modules are the kernel modules of interest, and what for.
var modules = []struct {
	name, what string
	family     string // one that it makes
	needed     bool
}{
	{"openvswitch", "datapaths", uapi.OVS_DATAPATH_FAMILY, true},
	{"psample", "samples", "psample", false},
	{"act_sample", "tc's sample action", "", false},
	{"nf_conntrack", "connection tracking", "", false},
	{"nf_conntrack_netlink", "dump-conntrack, flush-conntrack", "", false},
	{"vport_vxlan", "VXLAN ports", "", false},
	{"vport_geneve", "Geneve ports", "", false},
	{"vport_gre", "GRE ports", "", false},
}

// Loadable tells whether the module that everything needs is not loaded, but
// there.
func Loadable(list []Check) bool {
	for _, c := range list {
		if c.Area == "module" && c.Name == modules[0].name {
			return c.Status == Absent
		}
	}
	return false
}

// Modules tells which modules are loaded, and which could be. What has made a
// family is there, whatever files say.
func (s System) Modules(families []genetlink.Family) []Check {
	has := map[string]bool{}
	for _, f := range families {
		has[f.Name] = true
	}
	dir := s.path("lib", "modules", s.Release)
	files, filesErr := moduleNames(filepath.Join(dir, "modules.dep"))
	builtin, _ := moduleNames(filepath.Join(dir, "modules.builtin"))
	var out []Check
	for _, m := range modules {
		c := Check{Area: "module", Name: m.name, Status: OK}
		_, err := os.Stat(s.path("sys", "module", m.name))
		switch {
		case builtin[m.name]:
			c.Detail = "built in"
		case err == nil:
			c.Detail = "loaded"
		case m.family != "" && has[m.family]:
			c.Detail = "there, its family is"
		case files[m.name]:
			c.Status, c.Detail = Absent, "not loaded, but there"
			c.Advice = fmt.Sprintf("for %s: modprobe %s (as root; the kernel may do it by itself when it is needed)", m.what, m.name)
		case filesErr != nil:
			c.Status, c.Detail = Unknown, fmt.Sprintf("not loaded; what there is cannot be read: %v", cause(filesErr))
		default:
			c.Status, c.Detail = Absent, "not loaded and not among the kernel's modules"
			c.Advice = fmt.Sprintf("for %s: install the package with all modules of Linux %s, or a kernel that has %s", m.what, s.Release, m.name)
		}
		if m.needed && c.Status != OK && !files[m.name] {
			c.Status = Missing
			c.Advice = fmt.Sprintf("nothing works without it: install the package with all modules of Linux %s, or try the lab: dplab shell", s.Release)
		}
		out = append(out, c)
	}
	return out
}

func cause(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// moduleNames reads the names of modules out of modules.dep or modules.builtin.
func moduleNames(file string) (map[string]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names := map[string]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		names[moduleName(lines.Text())] = true
	}
	return names, lines.Err()
}

// moduleName is the name of a module in a line PATH/NAME.ko[.COMPRESSED][: ...].
func moduleName(line string) string {
	file, _, _ := strings.Cut(line, ":")
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// Privileges tells which capabilities this process has.
func (s System) Privileges() []Check {
	const netAdmin, sysAdmin = 12, 21 // CAP_NET_ADMIN, CAP_SYS_ADMIN, linux/capability.h
	have, err := s.capabilities()
	var out []Check
	for _, p := range []struct {
		bit          int
		name, advice string
	}{
		{netAdmin, "CAP_NET_ADMIN", "commands that change something, dump-conntrack and psample-events need it: run as root"},
		{sysAdmin, "CAP_SYS_ADMIN", "--netns, doctor --probe and finding out why a kernel refuses psample need it: run as root"},
	} {
		c := Check{Area: "privilege", Name: p.name, Status: OK, Detail: "there"}
		switch {
		case err != nil:
			c.Status, c.Detail = Unknown, err.Error()
		case have&(1<<p.bit) == 0:
			c.Status, c.Detail, c.Advice = Absent, "not there", p.advice
		}
		out = append(out, c)
	}
	return out
}

func (s System) capabilities() (uint64, error) {
	b, err := os.ReadFile(s.path("proc", "self", "status"))
	if err != nil {
		return 0, fmt.Errorf("read capabilities: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "CapEff:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(v), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("read capabilities: %q", strings.TrimSpace(line))
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("read capabilities: there is no CapEff")
}

// receiveBuffer is what psample-events asks for.
const receiveBuffer = 64 << 20

// Settings tells of system settings that matter.
func (s System) Settings() []Check {
	var out []Check
	read := func(name string) (int, bool) {
		b, err := os.ReadFile(s.path(append([]string{"proc", "sys"}, strings.Split(name, ".")...)...))
		if err != nil {
			return 0, false
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(b)))
		return n, err == nil
	}
	if n, ok := read("net.core.rmem_max"); ok {
		c := Check{Area: "setting", Name: "net.core.rmem_max", Status: Info, Detail: fmt.Sprintf("%d bytes", n)}
		if n < receiveBuffer {
			c.Detail += "; root is not bound by it"
		}
		out = append(out, c)
	}
	if n, ok := read("net.netfilter.nf_conntrack_acct"); ok {
		c := Check{Area: "setting", Name: "net.netfilter.nf_conntrack_acct", Status: Info, Detail: "on: connections have counters"}
		if n == 0 {
			c.Detail = "off: connections have no counters"
		}
		out = append(out, c)
	}
	return out
}
