// SPDX-License-Identifier: Apache-2.0

package ktap

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const report = `booting
KTAP version 1
1..6
# Linux 6.1.176 #1 Sat Jul  4 15:38:16 UTC 2026 x86_64
# origin: kernel 6.1; vm uml; release 6.1.176
ok 1 tc-sample
    KTAP version 1
    1..2
    ok 1 nested
    not ok 2 nested-too
ok 2 ovs-psample # SKIP no psample-action: needs Linux 6.11
# ovs-trunc: it went wrong
not ok 3 ovs-trunc
not ok 4 - parity # XFAIL its suite moves
not ok 5 late # TIMEOUT 60 s
not ok 6 both # SKIP but it failed
# Totals: pass:1 fail:3 xfail:1 xpass:0 skip:1 error:0
`

func TestParse(t *testing.T) {
	for _, text := range []string{report, strings.ReplaceAll(report, "\n", "\r\n")} {
		log, err := Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		want := []Test{
			{"tc-sample", Passed, ""},
			{"ovs-psample", Skipped, "no psample-action: needs Linux 6.11"},
			{"ovs-trunc", Failed, ""},
			{"parity", Expected, "its suite moves"},
			{"late", Failed, "60 s"},
			{"both", Failed, "but it failed"},
		}
		if d := cmp.Diff(want, log.Tests); d != "" {
			t.Error(d)
		}
		if len(log.Notes) != 4 || log.Notes[1] != "origin: kernel 6.1; vm uml; release 6.1.176" {
			t.Errorf("%q", log.Notes)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ what, text, want string }{
		{"nothing", "", "there is no report"},
		{"text", "hello\nok 1 x\n", "there is no report"},
		{"no plan", "KTAP version 1\nok 1 x\n", "there is no plan"},
		{"two plans", "KTAP version 1\n1..1\n1..1\nok 1 x\n", "is no plan"},
		{"no number", "KTAP version 1\n1..x\n", "is no plan"},
		{"a million tests", "KTAP version 1\n1..1000000\n", "is no plan"},
		{"too few", "KTAP version 1\n1..2\nok 1 x\n", "2 tests planned, 1 reported"},
		{"too many", "KTAP version 1\n1..1\nok 1 x\nok 2 y\n", "1 tests planned, 2 reported"},
		{"a gap", "KTAP version 1\n1..2\nok 2 x\n", "test 2 where 1"},
		{"no test number", "KTAP version 1\n1..1\nok x\n", "has no test number"},
		{"no name", "KTAP version 1\n1..1\nok 1 # SKIP\n", "has no name"},
		{"given up", "KTAP version 1\n1..1\nBail out! interrupted\n", "given up: interrupted"},
		{"an endless line", "KTAP version 1\n1..1\n# " + strings.Repeat("x", maxLine+1), "too long"},
	} {
		if _, err := Parse(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.want)
		}
	}
}

// FuzzParse: whatever comes is refused, or is a report that can be written and
// read again.
func FuzzParse(f *testing.F) {
	f.Add(report)
	f.Add("KTAP version 1\n1..1\nok 1 parity@6.12/uml\n")
	f.Add("TAP version 13\n1..0 # skipped\n")
	f.Add("KTAP version 1\n1..2\nok 1 x#SKIP |\nok 2 x\n")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		var b strings.Builder
		k := NewWriter(&b, len(first.Tests))
		for _, test := range first.Tests {
			k.Result(test.Name, Outcome{Status: test.Status, Reason: test.Reason})
		}
		second, err := Parse(strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("%v in %s", err, &b)
		}
		for i, test := range second.Tests {
			if test.Status != first.Tests[i].Status {
				t.Fatalf("%+v is read back as %+v", first.Tests[i], test)
			}
		}
	})
}
