// SPDX-License-Identifier: Apache-2.0

package uapi_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// specs maps the netlink specifications to the header and the file of ours
// that have the same numbers.
var specs = map[string]struct{ header, file string }{
	"psample.yaml":  {"linux/psample.h", "psample.go"},
	"ovs_flow.yaml": {"linux/openvswitch.h", "openvswitch.go"},
}

// spec is as much of a specification as has numbers. The kernel's ynl checks
// the rest.
type spec struct {
	Name        string
	Version     int
	Definitions []struct {
		Name, Type string
		Prefix     string `yaml:"name-prefix"`
		Entries    []string
		Members    []member
	}
	Sets []struct {
		Name       string
		Prefix     string `yaml:"name-prefix"`
		Attributes []struct {
			Name, Type string
			Value      *int64
			Struct     string
			Checks     map[string]int64
		}
	} `yaml:"attribute-sets"`
	Operations struct {
		Prefix string `yaml:"name-prefix"`
		Model  string `yaml:"enum-model"`
		List   []struct {
			Name     string
			Value    *int64
			Do, Dump *struct{ Request, Reply struct{ Value *int64 } }
		}
	}
	Groups struct{ List []struct{ Name string } } `yaml:"mcast-groups"`
}

type member struct {
	Name, Type string
	Len        int
	Order      string `yaml:"byte-order"`
}

func readSpec(t *testing.T, name string) spec {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "kmod", "specs", name))
	if err != nil {
		t.Fatal(err)
	}
	// ynl refuses a specification that does not begin so.
	if !bytes.HasPrefix(raw, []byte("# SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)\n")) {
		t.Errorf("%s: the first line is not the licence", name)
	}
	var s spec
	if err := yaml.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// cName is the C constant of a name in a specification.
func cName(prefix, name string) string {
	return strings.ToUpper(strings.ReplaceAll(prefix+name, "-", "_"))
}

// numbers lists the constants of a specification with their values.
func (s spec) numbers() map[string]string {
	out := map[string]string{}
	for _, set := range s.Sets {
		next := int64(1)
		for _, a := range set.Attributes {
			if a.Value != nil {
				next = *a.Value
			}
			out[cName(set.Prefix, a.Name)] = strconv.FormatInt(next, 10)
			next++
		}
	}
	for _, d := range s.Definitions {
		for i, e := range d.Entries {
			out[cName(d.Prefix, e)] = strconv.FormatInt(1<<i, 10)
		}
	}
	next := int64(1)
	for _, op := range s.Operations.List {
		switch {
		case op.Value != nil:
			next = *op.Value
		case s.Operations.Model == "directional":
			next = *op.Dump.Request.Value
		}
		out[cName(s.Operations.Prefix, op.Name)] = strconv.FormatInt(next, 10)
		next++
	}
	return out
}

// TestSpecNumbers compares the numbers of the netlink specifications with the
// headers' and with ours, and looks for what a specification lacks.
func TestSpecNumbers(t *testing.T) {
	for name, from := range specs {
		t.Run(name, func(t *testing.T) {
			s := readSpec(t, name)
			header := readHeader(t, filepath.Join("..", "..", "kmod", "uapi", from.header))
			ours := readConstants(t, from.file)
			got := s.numbers()
			for c, v := range got {
				if want, ok := header[c]; !ok || v != want {
					t.Errorf("%s is %s, in %s %q", c, v, from.header, want)
				}
				if want, ok := ours[c]; ok && v != want {
					t.Errorf("%s is %s, in nl/uapi %s", c, v, want)
				}
			}
			prefixes := []string{cName(s.Operations.Prefix, "")}
			for _, set := range s.Sets {
				prefixes = append(prefixes, cName(set.Prefix, ""))
			}
			for _, known := range []map[string]string{header, ours} {
				for c := range known {
					of := func(p string) bool { return strings.HasPrefix(c, p) }
					if _, ok := got[c]; ok || !slices.ContainsFunc(prefixes, of) || strings.HasSuffix(c, "_UNSPEC") || strings.HasSuffix(c, "_MAX") {
						continue
					}
					t.Errorf("%s is missing", c)
				}
			}
		})
	}
}

// TestSpecNames compares what netlink looks up by name.
func TestSpecNames(t *testing.T) {
	for name, want := range map[string]struct {
		header, family, version string
		groups                  []string
	}{
		"psample.yaml":  {"linux/psample.h", "PSAMPLE_GENL_NAME", "PSAMPLE_GENL_VERSION", []string{"PSAMPLE_NL_MCGRP_CONFIG_NAME", "PSAMPLE_NL_MCGRP_SAMPLE_NAME"}},
		"ovs_flow.yaml": {"linux/openvswitch.h", "OVS_FLOW_FAMILY", "OVS_FLOW_VERSION", []string{"OVS_FLOW_MCGROUP"}},
	} {
		s := readSpec(t, name)
		header := readHeader(t, filepath.Join("..", "..", "kmod", "uapi", want.header))
		if s.Name != header[want.family] || s.Version != 1 || header[want.version] != "1" && header[want.version] != "0x1" {
			t.Errorf("%s: family %s version %d, in the header %s %s", name, s.Name, s.Version, header[want.family], header[want.version])
		}
		var groups []string
		for _, g := range s.Groups.List {
			groups = append(groups, g.Name)
		}
		for i, c := range want.groups {
			want.groups[i] = header[c]
		}
		if !slices.Equal(groups, want.groups) {
			t.Errorf("%s: groups %q, want %q", name, groups, want.groups)
		}
	}
}

// TestSpecAnswers: the answer to psample's one request has another number.
func TestSpecAnswers(t *testing.T) {
	header := readHeader(t, filepath.Join("..", "..", "kmod", "uapi", "linux/psample.h"))
	for _, op := range readSpec(t, "psample.yaml").Operations.List {
		if op.Dump != nil && fmt.Sprint(*op.Dump.Reply.Value) != header["PSAMPLE_CMD_NEW_GROUP"] {
			t.Errorf("%s is answered by %d, the header has %s", op.Name, *op.Dump.Reply.Value, header["PSAMPLE_CMD_NEW_GROUP"])
		}
	}
}

// TestSpecLimits compares the lengths a specification allows.
func TestSpecLimits(t *testing.T) {
	header := readHeader(t, filepath.Join("..", "..", "kmod", "uapi", "linux/openvswitch.h"))
	for _, set := range readSpec(t, "ovs_flow.yaml").Sets {
		for _, a := range set.Attributes {
			if set.Name+"/"+a.Name == "psample-attrs/cookie" {
				if got := fmt.Sprint(a.Checks["max-len"]); got != header["OVS_PSAMPLE_COOKIE_MAX_SIZE"] {
					t.Errorf("a cookie has up to %s bytes, in the header %s", got, header["OVS_PSAMPLE_COOKIE_MAX_SIZE"])
				}
				return
			}
		}
	}
	t.Error("no cookie")
}

// field is a member of a structure as it lies in memory.
type field struct {
	name         string
	offset, size int
	bigEndian    bool
}

// TestSpecStructs compares the structures with those of the header, byte by
// byte: the kernel takes their exact size only.
func TestSpecStructs(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "kmod", "uapi", "linux/openvswitch.h"))
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{"u8": 1, "u16": 2, "u32": 4, "u64": 8}
	checked := 0
	for _, d := range readSpec(t, "ovs_flow.yaml").Definitions {
		if d.Type != "struct" {
			continue
		}
		checked++
		want, total := cStruct(t, string(raw), strings.ReplaceAll(d.Name, "-", "_"))
		var got []field
		end := 0
		for _, m := range d.Members {
			size := m.Len
			if m.Type != "binary" {
				size = sizes[m.Type]
			}
			if m.Name != "padding" {
				got = append(got, field{strings.ReplaceAll(m.Name, "-", "_"), end, size, m.Order == "big-endian"})
			}
			end += size
		}
		if !slices.Equal(got, want) || end != total {
			t.Errorf("%s:\n got %v, %d bytes\nwant %v, %d bytes", d.Name, got, end, want, total)
		}
	}
	if checked < 15 {
		t.Errorf("%d structures", checked)
	}
}

var memberLine = regexp.MustCompile(`^\s*(\w+)\s+(\w+)(?:\[(\w+)\])?;`)

// cStruct lays out a structure of the header as a C compiler does.
func cStruct(t *testing.T, header, name string) (fields []field, size int) {
	t.Helper()
	_, body, found := strings.Cut(comments.ReplaceAllString(header, ""), "\nstruct "+name+" {\n")
	body, _, closed := strings.Cut(body, "\n}")
	if !found || !closed {
		t.Fatalf("the header has no struct %s", name)
	}
	types := map[string]int{"__u8": 1, "__u16": 2, "__be16": 2, "__u32": 4, "__be32": 4, "int": 4, "uint32_t": 4, "__u64": 8}
	lengths := map[string]int{"": 1, "4": 4, "ETH_ALEN": 6}
	align := 1
	for line := range strings.Lines(body) {
		m := memberLine.FindStringSubmatch(line)
		if m == nil {
			if strings.TrimSpace(line) != "" {
				t.Fatalf("struct %s: cannot read %q", name, line)
			}
			continue
		}
		one, n := types[m[1]], lengths[m[3]]
		if one == 0 || n == 0 {
			t.Fatalf("struct %s: cannot read %q (types: %v)", name, line, slices.Sorted(maps.Keys(types)))
		}
		align = max(align, one)
		size = (size + one - 1) / one * one
		// A specification has no arrays: what is one is plain bytes there.
		fields = append(fields, field{m[2], size, one * n, strings.HasPrefix(m[1], "__be") && n == 1})
		size += one * n
	}
	return fields, (size + align - 1) / align * align
}
