// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPermutations(t *testing.T) {
	var got []string
	for _, p := range permutations([]string{"a", "b", "c"}) {
		got = append(got, strings.Join(p, ""))
	}
	if d := cmp.Diff([]string{"abc", "acb", "bac", "bca", "cab", "cba"}, got); d != "" {
		t.Error(d)
	}
}

func TestIdle(t *testing.T) {
	const rest = "veth 18706 0 - Live 0x0000000000000000\n"
	for _, tt := range []struct {
		name, modules string
		want          bool
	}{
		{"nobody uses them", "act_sample 4708 0 - Live 0x0\nopenvswitch 128924 0 - Live 0x0\npsample 6349 2 act_sample,openvswitch, Live 0x0\n", true},
		{"stock openvswitch does not use psample", "act_sample 4708 0 - Live 0x0\nopenvswitch 128924 0 - Live 0x0\npsample 6349 1 act_sample, Live 0x0 (OE)\n", true},
		{"a port module", "act_sample 4708 0 - Live 0x0\nvport_vxlan 1 0 - Live 0x0\nopenvswitch 128924 1 vport_vxlan, Live 0x0\npsample 6349 1 act_sample, Live 0x0\n", true},
		{"a port module in use", "act_sample 4708 0 - Live 0x0\nvport_vxlan 1 1 - Live 0x0\nopenvswitch 128924 1 vport_vxlan, Live 0x0\npsample 6349 1 act_sample, Live 0x0\n", false},
		{"a datapath", "act_sample 4708 0 - Live 0x0\nopenvswitch 128924 1 - Live 0x0\npsample 6349 1 act_sample, Live 0x0\n", false},
		{"a filter", "act_sample 4708 3 - Live 0x0\nopenvswitch 128924 0 - Live 0x0\npsample 6349 1 act_sample, Live 0x0\n", false},
		{"a driver", "act_sample 4708 0 - Live 0x0\nopenvswitch 128924 0 - Live 0x0\nmlx5_core 1 0 - Live 0x0\npsample 6349 2 mlx5_core,act_sample, Live 0x0\n", false},
		{"built in", "act_sample 4708 0 - Live 0x0\nopenvswitch 128924 0 - Live 0x0\n", false},
		{"no unloading", "act_sample 4708 - - Live 0x0\nopenvswitch 128924 - - Live 0x0\npsample 6349 - - Live 0x0\n", false},
		{"nothing", "", false},
	} {
		if got := idle(parseModules(rest + tt.modules)); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func FuzzParseModules(f *testing.F) {
	f.Add("psample 6349 2 act_sample,openvswitch, Live 0x0\n")
	f.Add("x 1 -1 , Live\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		for name, m := range parseModules(text) {
			if name == "" || slices.Contains(m.by, "") {
				t.Errorf("%q: %q %v", text, name, m)
			}
		}
	})
}
