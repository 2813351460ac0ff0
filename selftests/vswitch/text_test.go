// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"ovs-vswitchd (Open vSwitch) 3.5.0\n":                    {3, 5, 0},
		"ovs-vswitchd (Open vSwitch) 3.1.0\nDPDK 22.11.7\n":      {3, 1, 0},
		"ovs-vsctl (Open vSwitch) 4.0.12-2\nDB Schema 9.0.0\n\n": {4, 0, 12},
	} {
		got, err := ParseVersion(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "3.5.0", "(Open vSwitch) 3.5", "(Open vSwitch) 99999999999999999999.1.1"} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("%q: %v", text, v)
		}
	}
}

func TestVersionAtLeast(t *testing.T) {
	v := Version{3, 5, 1}
	for want, less := range map[[2]int]bool{{3, 4}: true, {3, 5}: true, {2, 17}: true, {3, 6}: false, {3, 10}: false, {4, 0}: false} {
		if v.AtLeast(want[0], want[1]) != less {
			t.Errorf("%v is at least %v: %v", v, want, !less)
		}
	}
	if v.String() != "3.5.1" {
		t.Errorf("%s", v)
	}
}

func TestParseLog(t *testing.T) {
	const text = "stray\n" +
		"2026-11-20T12:24:20.884Z|00023|ofproto_dpif|INFO|system@ovs-system: Datapath supports psample action\n" +
		"2026-11-20T12:27:35.453Z|00002|collectors(handler2)|WARN|127.0.0.1: a|b\nmore of it\n" +
		"2026-11-20T12:27:36.000Z|00003|vlog|EMER|end"
	want := []LogLine{
		{"2026-11-20T12:24:20.884Z", "ofproto_dpif", "INFO", "system@ovs-system: Datapath supports psample action"},
		{"2026-11-20T12:27:35.453Z", "collectors(handler2)", "WARN", "127.0.0.1: a|b\nmore of it"},
		{"2026-11-20T12:27:36.000Z", "vlog", "EMER", "end"},
	}
	got := ParseLog(text)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got[0].Bad() || !got[2].Bad() || got[2].String() != "2026-11-20T12:27:36.000Z|vlog|EMER|end" {
		t.Error("level or text of a line")
	}
}

// FuzzParse holds for all that is read from programs: whatever they print there
// is an answer or an error.
func FuzzParse(f *testing.F) {
	f.Add("ovs-vswitchd (Open vSwitch) 3.5.0\n")
	f.Add("2026-11-20T12:24:20.884Z|00023|ofproto_dpif|INFO|text\nmore\n")
	f.Add("ufid:1, in_port(2), packets:1, actions:3\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = ParseVersion(text)
		n := 0
		for _, l := range ParseLog(text) {
			n += len(l.Text)
		}
		if n > len(text) {
			t.Errorf("a log of %d bytes has texts of %d", len(text), n)
		}
		if got := len(splitFlows(text)); got > strings.Count(text, "actions:") {
			t.Errorf("%d flows", got)
		}
	})
}
