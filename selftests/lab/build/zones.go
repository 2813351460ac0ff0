// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Debian builds user-mode Linux without CONFIG_NF_CONNTRACK_ZONES, so that its
// openvswitch refuses every ct() action with a zone: all that ovs-vswitchd ever
// sends. The option changes no code of the kernel proper, only modules.
//
// It does change struct nf_conn, into which the kernel proper (flow dissector,
// ICMP) and many modules look. The zone takes as much room as the security mark,
// so it is put in that one's place and the mark is given up: the layout stays,
// and only modules that deal with zones themselves must be built anew.

// zonesRecipe is raised with every change of the way zones are built in.
const zonesRecipe = 1

// zoneModules are the modules to build anew, by the directory of their
// makefile: all that handle zones, and all that handle struct
// nf_conntrack_expect, which has a zone too. A % stands for any text.
var zoneModules = map[string]string{
	"net/netfilter": "nf_conntrack.o nf_conntrack_%.o nf_nat.o nf_nat_%.o nf_conncount.o nf_synproxy_core.o " +
		"nfnetlink_cthelper.o nfnetlink_cttimeout.o nft_ct.o nft_connlimit.o xt_CT.o xt_connlimit.o",
	"net/ipv4/netfilter":   "nf_defrag_ipv4.o nf_nat_%.o",
	"net/ipv6/netfilter":   "nf_defrag_ipv6.o",
	"net/bridge/netfilter": "nf_conntrack_bridge.o",
	"net/sched":            "act_ct.o act_ctinfo.o act_connmark.o",
}

// ovsModules are the same of Open vSwitch, for kernels that don't get ours.
const ovsModules = "openvswitch.o vport-%.o"

// withoutZones are stock modules to leave out: the first knows the zone as
// security mark, the others use struct nf_conntrack_expect and are of no use
// here.
var withoutZones = regexp.MustCompile(`^(xt_CONNSECMARK|xt_ipvs|ip_vs(_.*)?)\.ko$`)

// zoneConfig changes a kernel's configuration for building the modules. What
// debuggers need takes half the time of the compiler.
func zoneConfig(config []byte) ([]byte, error) {
	set := map[string]string{
		"CONFIG_NF_CONNTRACK_ZONES": "y", "CONFIG_NF_CONNTRACK_SECMARK": "n",
		"CONFIG_DEBUG_INFO": "n", "CONFIG_DEBUG_INFO_NONE": "y", "CONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT": "n",
		"CONFIG_LOCALVERSION_AUTO": "n",
	}
	if !strings.Contains(string(config), "\nCONFIG_NF_CONNTRACK=m\n") {
		return nil, errors.New("conntrack is no module of this kernel, so zones cannot be added")
	}
	var out strings.Builder
	for line := range strings.Lines(string(config)) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "# "), " is not set")
		name, _, _ = strings.Cut(name, "=")
		if _, ok := set[name]; !ok {
			out.WriteString(line)
		}
	}
	for name, value := range set {
		fmt.Fprintf(&out, "%s=%s\n", name, value)
	}
	return []byte(out.String()), nil
}

const (
	zoneMember = "#ifdef CONFIG_NF_CONNTRACK_ZONES\n\tstruct nf_conntrack_zone zone;\n#endif\n"
	markMember = "#ifdef CONFIG_NF_CONNTRACK_SECMARK\n\tu_int32_t secmark;\n#endif\n"
)

// zoneHeader moves the zone to the place of the security mark.
func zoneHeader(header string) (string, error) {
	if strings.Count(header, zoneMember) != 1 || strings.Count(header, markMember) != 1 {
		return "", errors.New("nf_conntrack.h: struct nf_conn does not look as expected")
	}
	header = strings.Replace(header, zoneMember, "", 1)
	return strings.Replace(header, markMember, zoneMember, 1), nil
}

// addZoneHeader makes every build against a build directory use the changed
// header: the compiler looks there before it looks into the source.
func addZoneHeader(src, kdir string) error {
	const name = "net/netfilter/nf_conntrack.h"
	text, err := os.ReadFile(filepath.Join(src, "include", name))
	if err != nil {
		return fmt.Errorf("add conntrack zones: %w", err)
	}
	changed, err := zoneHeader(string(text))
	if err != nil {
		return fmt.Errorf("add conntrack zones: %w", err)
	}
	path := filepath.Join(kdir, "arch/um/include/generated", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("add conntrack zones: %w", err)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return fmt.Errorf("add conntrack zones: %w", err)
	}
	return nil
}

// zoneSources makes a directory for building modules out of tree, with the
// kernel's own makefiles narrowed to the wanted modules.
func zoneSources(src, ext string, modules map[string]string) error {
	var dirs []string
	for dir, want := range modules {
		dirs = append(dirs, dir)
		if err := os.CopyFS(filepath.Join(ext, dir), os.DirFS(filepath.Join(src, dir))); err != nil {
			return fmt.Errorf("copy %s: %w", dir, err)
		}
		if err := copyHeaders(filepath.Join(src, dir, ".."), filepath.Join(ext, dir, "..")); err != nil {
			return err
		}
		path := filepath.Join(ext, dir, "Makefile")
		if err := os.Rename(path, path+".kernel"); err != nil {
			return fmt.Errorf("copy %s: %w", dir, err)
		}
		text := "include $(src)/Makefile.kernel\nobj-y :=\nobj-m := $(sort $(filter " + want + ",$(obj-m)))\n"
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("copy %s: %w", dir, err)
		}
	}
	slices.Sort(dirs)
	kbuild := "obj-m := " + strings.Join(dirs, "/ ") + "/\n"
	if err := os.WriteFile(filepath.Join(ext, "Kbuild"), []byte(kbuild), 0o644); err != nil {
		return fmt.Errorf("copy sources: %w", err)
	}
	return nil
}

// copyHeaders copies what sources of a directory below include as "../x.h".
func copyHeaders(from, to string) error {
	headers, err := filepath.Glob(filepath.Join(from, "*.h"))
	if err != nil {
		return fmt.Errorf("copy headers: %w", err)
	}
	for _, h := range headers {
		if err := copyFile(h, filepath.Join(to, filepath.Base(h))); err != nil {
			return fmt.Errorf("copy headers: %w", err)
		}
	}
	return nil
}

// leaveOut removes modules from a tree that cannot work with the new ones in
// updates: those known not to, and those that import what a replaced module
// exported and the new ones do not. It returns the latter.
func leaveOut(tree, updates string) ([]string, error) {
	stock, replaced := map[string]string{}, map[string]bool{}
	fresh, err := filepath.Glob(filepath.Join(updates, "*.ko"))
	if err != nil {
		return nil, err
	}
	for _, f := range fresh {
		replaced[filepath.Base(f)] = true
	}
	err = filepath.WalkDir(filepath.Join(tree, "kernel"), func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir() || !strings.HasSuffix(path, ".ko"):
		case withoutZones.MatchString(d.Name()):
			return os.Remove(path)
		default:
			stock[d.Name()] = path
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sort out modules: %w", err)
	}
	gone := map[string]bool{}
	for name, path := range stock {
		if !replaced[name] {
			continue
		}
		if err := symbols(path, func(s string, imported bool) { gone[s] = gone[s] || !imported }); err != nil {
			return nil, err
		}
	}
	for _, f := range fresh {
		if err := symbols(f, func(s string, imported bool) { gone[s] = gone[s] && imported }); err != nil {
			return nil, err
		}
	}
	var out []string
	for name, path := range stock {
		if replaced[name] {
			continue
		}
		useless := false
		if err := symbols(path, func(s string, imported bool) { useless = useless || imported && gone[s] }); err != nil {
			return nil, err
		}
		if useless {
			out = append(out, name)
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("sort out modules: %w", err)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// symbols gives each symbol that a module imports, and each that it exports.
func symbols(path string, each func(name string, imported bool)) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read module: %w", err)
	}
	defer func() { _ = f.Close() }()
	all, err := f.Symbols()
	if err != nil {
		return fmt.Errorf("read module %s: %w", filepath.Base(path), err)
	}
	for _, s := range all {
		if name, ok := strings.CutPrefix(s.Name, "__ksymtab_"); ok {
			each(name, false)
		} else if s.Name != "" && s.Section == elf.SHN_UNDEF {
			each(s.Name, true)
		}
	}
	return nil
}
