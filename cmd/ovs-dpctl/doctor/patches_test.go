// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/internal/modstate"
)

func TestWhose(t *testing.T) {
	got := Whose([]Check{
		{"kernel", "psample", Info, "6.1", ""},
		{"module", "psample", OK, "loaded", ""},
		{"module", "openvswitch", Absent, "not loaded, but there", "load it"},
		{"module", "vport_gre", OK, "loaded", ""},
	}, modstate.Report{
		Items: []modstate.Module{
			{Name: "psample", Loaded: modstate.Kernel, File: "updates/psample.ko", Installed: modstate.Ours},
			{Name: "openvswitch", Loaded: modstate.None, Installed: modstate.None},
		},
		Findings: []modstate.Finding{{Level: modstate.OK, Text: "a", Advice: ""}, {Level: modstate.Note, Text: "b", Advice: ""}, {Level: modstate.Action, Text: "c", Advice: "d"}},
	})
	want := []Check{
		{"kernel", "psample", Info, "6.1", ""},
		{"module", "psample", OK, "loaded; in use: the kernel's own, modprobe loads: dpscope's (updates/psample.ko)", ""},
		{"module", "openvswitch", Absent, "not loaded, but there; in use: -, modprobe loads: - (no file)", "load it"},
		{"module", "vport_gre", OK, "loaded", ""},
		{"patches", "dpscope", OK, "a", ""},
		{"patches", "dpscope", Info, "b", ""},
		{"patches", "dpscope", Warning, "c", "d"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if AnyMissing(got) {
		t.Error("most things work without dpscope's modules")
	}
}
