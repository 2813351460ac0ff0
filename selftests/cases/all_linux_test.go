// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"testing"

	"github.com/dpscope/dpscope/selftests"
)

// TestAll checks the list, not the kernel: names, and that every feature a
// case asks for can be probed.
func TestAll(t *testing.T) {
	all := All()
	if err := selftests.Validate(all); err != nil {
		t.Fatal(err)
	}
	probed := map[selftests.Feature]int{}
	for _, p := range Features() {
		probed[p.Feature] = len(p.Probes)
		if p.Since == "" {
			t.Errorf("feature %s does not say where it is to be had", p.Feature)
		}
	}
	for _, f := range []selftests.Feature{SampleCookie, PsampleAction} {
		if probed[f] < 2 {
			t.Errorf("feature %s has %d probes: one alone could switch its cases off unnoticed", f, probed[f])
		}
	}
	for _, c := range all {
		for _, f := range append(append([]selftests.Feature{}, c.Needs...), c.MayNeed...) {
			if probed[f] == 0 {
				t.Errorf("case %s needs %s, which has no probe", c.Name, f)
			}
		}
	}
}
