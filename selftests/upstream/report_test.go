// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"strings"
	"testing"
)

const (
	wholeReport  = "KTAP version 1\n1..2\n# ok 7 is no result\nok 1 schema\nok 2 flows\n# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:0 error:0\n"
	failedReport = "KTAP version 1\n1..2\nok 1 schema\nnot ok 2 flows\n# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:0 error:0\n"
)

func TestReport(t *testing.T) {
	for _, c := range []struct {
		name, text string
		exit       int
		ok         bool
		err        string
	}{
		{"whole", wholeReport, 0, true, ""},
		{"failed", failedReport, 1, false, ""},
		{"a long line", "# " + strings.Repeat("x", 3*maxReportLine) + "\n" + wholeReport, 0, true, ""},
		{"nothing", "", 0, false, "no plan"},
		{"died before the first", "1..2\nTraceback\n", 1, false, "0 results of 2"},
		{"ended early", "1..2\nok 1 schema\n", 0, false, "1 results of 2"},
		{"no totals", "1..2\nok 1 schema\nok 2 flows\n", 0, false, "no totals"},
		{"totals cut off", strings.TrimSuffix(wholeReport, " error:0\n"), 0, false, "no totals"},
		{"a plan of nothing", "1..0\n# Totals: pass:0 fail:0 xfail:0 xpass:0 skip:0 error:0\n", 0, false, "no plan"},
		{"two plans", "1..2\n" + wholeReport, 0, false, "several"},
		{"other totals", strings.Replace(wholeReport, "pass:2", "pass:3", 1), 0, false, "do not fit"},
		{"one left out", strings.Replace(wholeReport, "ok 2", "ok 3", 1), 0, false, "result 3 comes where 2 is due"},
		{"a skip", strings.Replace(wholeReport, "skip:0", "skip:1", 1), 0, false, "no totals"},
		{"failed with status 0", failedReport, 0, false, "exit status is 0"},
		{"passed with status 1", wholeReport, 1, false, "exit status is 1"},
	} {
		var whole, bytewise report
		_, _ = whole.Write([]byte(c.text))
		for _, b := range []byte(c.text) {
			_, _ = bytewise.Write([]byte{b})
		}
		for _, r := range []*report{&whole, &bytewise} {
			ok, err := r.judge("check", c.exit)
			if ok != c.ok || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, %v", c.name, ok, err)
			}
		}
	}
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(wholeReport), 0)
	f.Add([]byte(failedReport), 1)
	f.Fuzz(func(t *testing.T, text []byte, exit int) {
		var r report
		_, _ = r.Write(text)
		ok, err := r.judge("check", exit)
		if ok && (err != nil || exit != 0 || r.notOK > 0 || r.ok == 0) || len(r.line) > maxReportLine {
			t.Errorf("%v, %v: %+v", ok, err, r)
		}
	})
}
