// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"slices"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests"
)

func TestParseRelease(t *testing.T) {
	for _, tt := range []struct {
		release, version string
		want             Release
		ok               bool
	}{
		{"6.1.176", "", Release{6, 1, 176}, true},
		{"6.12.107+deb13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.107-1 (2026-08-28)", Release{6, 12, 107}, true},
		{"6.1.0-50-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-07-04)", Release{6, 1, 176}, true},
		{"6.1.0-50-amd64", "#1 Debian 5.10.1-1", Release{6, 1, 0}, true},
		{"6.1.0-50-amd64", "#1 Debian six", Release{6, 1, 0}, true},
		{"7.2.7", "", Release{7, 2, 7}, true},
		{"10.0-rc1", "", Release{10, 0, 0}, true},
		{"six", "", Release{}, false},
	} {
		got, err := parseRelease(tt.release, tt.version)
		if (err == nil) != tt.ok || tt.ok && got != tt.want {
			t.Errorf("%q, %q: %v, %v", tt.release, tt.version, got, err)
		}
	}
}

func TestSince(t *testing.T) {
	feature := Since{Mainline: Release{6, 6}}
	fix := Since{Mainline: Release{7, 2}, Stable: []Release{{6, 1, 183}, {6, 12, 101}}}
	for _, tt := range []struct {
		s          Since
		r          Release
		has, known bool
	}{
		{feature, Release{6, 1, 176}, false, true},
		{feature, Release{6, 5}, false, true},
		{feature, Release{6, 6}, true, true},
		{feature, Release{7, 0}, true, true},
		{feature, Release{5, 19}, false, true},
		{fix, Release{6, 1, 176}, false, false}, // its modules may be newer
		{fix, Release{6, 1, 183}, true, true},
		{fix, Release{6, 12, 100}, false, false},
		{fix, Release{6, 12, 107}, true, true},
		{fix, Release{6, 6, 200}, false, false},
		{fix, Release{7, 2, 7}, true, true},
	} {
		if has, known := tt.s.has(tt.r); has != tt.has || known != tt.known {
			t.Errorf("since %s on %s: %v, known %v", tt.s, tt.r, has, known)
		}
	}
	if got := fix.String(); got != "7.2, 6.1.183, 6.12.101" {
		t.Error(got)
	}
}

// TestKnownDifferences: every row is whole, and is a case.
func TestKnownDifferences(t *testing.T) {
	all := All()
	for _, d := range KnownDifferences {
		if d.Name == "" || d.What == "" || d.Why == "" || d.Since.Mainline == (Release{}) || len(d.Looks) == 0 {
			t.Errorf("incomplete: %+v", d)
		}
		for _, l := range d.Looks {
			if l.How == "" || l.Before == l.After || l.Before == "" || l.After == "" || l.see == nil {
				t.Errorf("%s: incomplete: %+v", d.Name, l)
			}
			if strings.ContainsAny(l.How+l.Before+l.After+d.What+d.Why, "|\n#") {
				t.Errorf("%s: text that breaks a table or a report", d.Name)
			}
		}
		i := slices.IndexFunc(all, func(c selftests.Case) bool { return c.Name == "known-"+d.Name })
		if i < 0 || all[i].Run == nil {
			t.Errorf("%s is not tested", d.Name)
		}
	}
}

func TestSubsystemReasons(t *testing.T) {
	lines := []string{
		"ping-1 [000] ..s.. 1.0: kfree_skb: skbaddr=0000000000000000 rx_sk=0000000000000000 protocol=2048 location=ovs_dp_process_packet+0x1/0x2 reason: 0x30003",
		"ping-1 [000] ..s.. 1.0: kfree_skb: skbaddr=00000000f0000000 protocol=2048 location=x reason: NOT_SPECIFIED",
		"ping-1 [000] ..s.. 1.0: kfree_skb: skbaddr=00000000f0000000 protocol=2048 location=x reason: 0x2",
		"ping-1 [000] ..s.. 1.0: kfree_skb: protocol=2048 location=x reason: 0x20001 more",
		"reason: 0x",
	}
	if got := subsystemReasons(lines); !slices.Equal(got, []uint64{3, 1}) {
		t.Error(got)
	}
}
