// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dpscope/dpscope/selftests/ktap"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

var sampling = Test{"psample", "psample: Sampling packets with psample"}

// said is what the suite prints of sampling.
func said(verdict string, info ...string) string {
	out := []string{fmt.Sprintf("TEST: %-60s  [START]", sampling.Name), "adding sandbox 'test_psample'"}
	out = append(out, info...)
	out = append(out, fmt.Sprintf("TEST: %-60s  [%s]", sampling.Doc, verdict), "run cmd: ip netns del client")
	return strings.Join(out, "\n") + "\n"
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		e      Ended
		status ktap.Status
		want   string // in the reason or the lines
	}{
		{"passed", Ended{Log: said(" OK ")}, ktap.Passed, ""},
		{"failed", Ended{Exit: 1, Log: said("FAIL", "failed - gen warning")}, ktap.Failed, "exit status 1, the suite says FAIL"},
		{"nothing was run", Ended{}, ktap.Failed, "exit status 0, but the suite gave no verdict"},
		{"another test was run", Ended{Log: "TEST: psample: Sampling packets  [ OK ]\n"}, ktap.Failed, "no verdict"},
		{"begun only", Ended{Log: "TEST: psample: Sampling packets with psample  [START\n"}, ktap.Failed, "no verdict"},
		{"status against words", Ended{Log: said("FAIL")}, ktap.Failed, "exit status 0, the suite says FAIL"},
		{"words against status", Ended{Exit: 1, Log: said(" OK ")}, ktap.Failed, "exit status 1, the suite says OK"},
		{"again after a first try", Ended{Log: said("FAIL") + said(" OK ")}, ktap.Passed, ""},
		{"skipped", Ended{Exit: 4, Log: said("SKIP", "no support for psample - skipping", "run cmd: ip netns del client")}, ktap.Skipped, "no support for psample - skipping"},
		{"skipped in silence", Ended{Exit: 4, Log: "TEST: x [START]\nTEST: psample: Sampling packets with psample [SKIP]\n"}, ktap.Skipped, "gives no reason"},
		{"no module is no skip", Ended{Exit: 4, Log: said("NOMOD")}, ktap.Failed, "exit status 4, the suite says NOMOD"},
		{"no library is no skip", Ended{Exit: 4, Log: said("PYLIB")}, ktap.Failed, "exit status 4, the suite says PYLIB"},
		{"not started", Ended{Exit: exitSetup, Log: "setup: module psample\n"}, ktap.Failed, "could not be started"},
		{"killed", Ended{Exit: 137}, ktap.Failed, "exit status 137"},
		{"too long", Ended{TimedOut: true, Exit: 124, Took: 90 * time.Second, Log: said(" OK ")}, ktap.Failed, "still running after 90 s"},
		{"the lab failed", Ended{Err: errors.New("the guest's kernel panicked"), Log: said(" OK ")}, ktap.Failed, "panicked"},
		{"a warning", Ended{Log: said(" OK "), Kernel: "[ 1.0] device up\r\n[ 2.0] WARNING: CPU: 0 PID: 1 at net/core/dev.c:1\r\n"}, ktap.Failed, "kernel log: [ 2.0] WARNING: CPU: 0"},
		{"a warning in a skip", Ended{Exit: 4, Log: said("SKIP"), Kernel: "BUG: sleeping\n"}, ktap.Failed, "kernel log: BUG: "},
		{"the message it waits for", Ended{Log: said(" OK "), Kernel: "openvswitch: netlink: Flow actions may not be safe on all matching packets.\n"}, ktap.Passed, ""},
	} {
		o := judge(sampling, tt.e)
		text := o.Reason + strings.Join(o.Lines, "\n")
		if o.Status != tt.status || !strings.Contains(text, tt.want) || tt.want == "" && text != "" {
			t.Errorf("%s: %+v, want %q", tt.name, o, tt.want)
		}
	}
}

func FuzzVerdict(f *testing.F) {
	f.Add(said(" OK "), 0)
	f.Add(said("SKIP", "why"), 4)
	f.Fuzz(func(t *testing.T, log string, exit int) {
		o := judge(sampling, Ended{Exit: exit, Log: log})
		switch {
		case o.Status == ktap.Passed && (exit != 0 || !strings.Contains(log, sampling.Doc)),
			o.Status == ktap.Skipped && (exit != 4 || o.Reason == ""),
			o.Status == ktap.Failed && len(o.Lines) == 0:
			t.Errorf("%+v", o)
		}
	})
}

func TestSettle(t *testing.T) {
	skips := []KnownSkip{
		{Test: "a", On: func(p Place) bool { return p.Kernel.Name == "old" }, Why: "too old"},
		{Test: "a", On: func(Place) bool { return true }, Why: "nowhere"},
		{Test: "b", On: func(p Place) bool { return p.Kernel.Name == "old" }, Why: "too old"},
	}
	for _, tt := range []struct {
		test, kernel string
		before       ktap.Status
		after        ktap.Status
		want         string
	}{
		{"a", "old", ktap.Skipped, ktap.Skipped, "too old"},
		{"a", "new", ktap.Skipped, ktap.Skipped, "nowhere"},
		{"b", "new", ktap.Skipped, ktap.Failed, "skipped (it says), which nothing allows"},
		{"c", "old", ktap.Skipped, ktap.Failed, "skipped (it says), which nothing allows"},
		{"b", "old", ktap.Passed, ktap.Failed, "passed, but is listed as one that has to skip here: too old"},
		{"b", "new", ktap.Passed, ktap.Passed, ""},
		{"b", "old", ktap.Failed, ktap.Failed, ""},
	} {
		o := ktap.Outcome{Status: tt.before}
		if tt.before == ktap.Skipped {
			o.Reason = "it says"
		}
		settle(&o, skips, tt.test, Place{Kernel: kernels.Kernel{Name: tt.kernel}})
		text := strings.Join(o.Lines, "\n")
		if o.Status == ktap.Skipped {
			text = o.Reason
		}
		if o.Status != tt.after || text != tt.want && (tt.want == "" || !strings.Contains(text, tt.want)) {
			t.Errorf("%s on %s, %v: %+v, want %q", tt.test, tt.kernel, tt.before, o, tt.want)
		}
	}
}

// TestKnownSkips: the tests that show what our patches do skip nowhere.
func TestKnownSkips(t *testing.T) {
	for _, s := range KnownSkips {
		if s.Test != "drop_reason" || s.Why == "" || s.On == nil {
			t.Errorf("%+v", s)
		}
	}
	trixie, _, err := suites.Find("trixie")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kernels.All() {
		p := Place{Kernel: k, Suite: trixie}
		if _, ok := Known(KnownSkips, "drop_reason", p); !ok && k.VM == kernels.UML {
			t.Errorf("%s: nothing says that drop_reason skips", k.Name)
		}
		for _, test := range []string{"psample", "netlink_checks", "arp_ping"} {
			if why, ok := Known(KnownSkips, test, p); ok {
				t.Errorf("%s: %s may skip: %s", k.Name, test, why)
			}
		}
	}
	if slices.Contains(trixie.Packages(), "linux-perf") {
		t.Error("the userlands have perf: drop_reason could run outside of user-mode Linux")
	}
}

func TestCapped(t *testing.T) {
	var c capped
	for range 5 {
		if n, err := c.Write([]byte(strings.Repeat("a", cappedHalf/2))); n != cappedHalf/2 || err != nil {
			t.Fatal(n, err)
		}
	}
	if s := c.String(); len(s) > 2*cappedHalf+100 || !strings.Contains(s, "too long to keep") {
		t.Errorf("%d bytes kept", len(s))
	}
	c = capped{}
	for _, part := range []string{strings.Repeat("b", cappedHalf-1), "1234", "56"} {
		_, _ = c.Write([]byte(part))
	}
	if s := c.String(); len(s) != cappedHalf+5 || !strings.HasSuffix(s, "b123456") {
		t.Errorf("%d bytes kept, %q", len(s), s[len(s)-10:])
	}
}
