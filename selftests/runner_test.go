// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// plainSandbox runs a case on a goroutine and nothing more.
func plainSandbox(run func(*nl.NetNS), done func()) error {
	go func() {
		defer done()
		run(nil)
	}()
	return nil
}

// answers is a probe that always says the same.
func answers(name string, has bool, err error) Probe {
	return Probe{Name: name, Has: func(context.Context) (bool, error) { return has, err }}
}

func testFeatures() *Features {
	return NewFeatures([]FeatureProbes{
		{Feature: "there", Probes: []Probe{answers("a", true, nil), answers("b", true, nil)}},
		{Feature: "missing", Since: "Linux 9.9", Probes: []Probe{answers("a", false, nil), answers("b", false, nil)}},
		{Feature: "optional", Optional: true, Probes: []Probe{answers("a", false, nil)}},
		{Feature: "disputed", Probes: []Probe{answers("netlink", true, nil), answers("symbols", false, nil)}},
		{Feature: "unknowable", Probes: []Probe{answers("a", false, nil), answers("b", false, errors.New("no permission"))}},
	})
}

// script is a kernel log that says something new each time.
type script struct {
	lines [][]string
	err   error
}

func (s *script) Next() ([]string, error) {
	if len(s.lines) == 0 {
		return nil, s.err
	}
	l := s.lines[0]
	s.lines = s.lines[1:]
	return l, s.err
}

func runCases(t *testing.T, r Runner, cases []Case) (Result, string) {
	t.Helper()
	var out bytes.Buffer
	r.Out, r.Sandbox, r.Features = &out, plainSandbox, testFeatures()
	r.Settle = time.Millisecond
	if r.Grace == 0 {
		r.Grace = 50 * time.Millisecond
	}
	res, err := r.Run(context.Background(), cases)
	if err != nil {
		t.Fatal(err)
	}
	return res, out.String()
}

func TestReportGolden(t *testing.T) {
	cases := []Case{
		{Name: "unload", Doc: "is global and comes last", Global: true, Run: func(*T) {}},
		{Name: "good", Doc: "passes", Run: func(t *T) { t.Logf("saw %d packets", 3) }},
		{Name: "bad", Doc: "fails and goes on", Run: func(t *T) {
			t.Errorf("rate is %d, want %d", 1, 2)
			t.Logf("two\nlines\x1b[31m")
		}},
		{Name: "fatal", Doc: "stops", Run: func(t *T) {
			t.Must(errors.New("add flow datapath dp0: invalid argument"))
			t.Logf("not reached")
		}},
		{Name: "needs-missing", Doc: "is never run", Needs: []Feature{"there", "missing"}, Run: func(t *T) { t.Errorf("ran") }},
		{Name: "late-skip", Doc: "finds out later", MayNeed: []Feature{"missing"}, Run: func(t *T) { t.SkipUnless("missing") }},
		{Name: "disputed", Doc: "is not skipped on one word", Needs: []Feature{"disputed"}, Run: func(*T) {}},
		{Name: "unknowable", Doc: "is not skipped on a guess", Needs: []Feature{"unknowable"}, Run: func(*T) {}},
		{Name: "unprobed", Doc: "is not skipped without a probe", Needs: []Feature{"nonsense"}, Run: func(*T) {}},
		{Name: "undeclared", Doc: "asks for what it did not declare", Run: func(t *T) { t.SkipUnless("missing") }},
		{Name: "splat", Doc: "upsets the kernel", Run: func(*T) {}},
	}
	log := &script{lines: [][]string{{"WARNING: from before"}, {"device up"}, nil, {"hint of the kernel"}, nil, nil, nil, nil, nil, nil,
		{"------------[ cut here ]------------", "WARNING: CPU: 0 PID: 1 at net/core/dev.c:1"}, nil}}
	for _, verbose := range []bool{false, true} {
		name := "report.ktap"
		if verbose {
			name = "report-verbose.ktap"
		}
		copied := &script{lines: slices.Clone(log.lines)}
		res, got := runCases(t, Runner{Verbose: verbose, Log: copied, Notes: []string{"Linux 6.1.176 x86_64"}}, cases)
		if d := cmp.Diff(Result{Passed: 2, Failed: 7, Skipped: 2}, res); d != "" {
			t.Errorf("result (-want +got):\n%s", d)
		}
		got = stripTimes(got)
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// stripTimes replaces "(12 ms)" by "(N ms)".
func stripTimes(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if at := strings.LastIndex(l, " ("); at > 0 && strings.HasSuffix(l, " ms)") {
			lines[i] = l[:at] + " (N ms)"
		}
	}
	return strings.Join(lines, "\n")
}

func TestPanicFailsTheCaseOnly(t *testing.T) {
	cleaned := 0
	res, out := runCases(t, Runner{}, []Case{
		{Name: "panics", Doc: "d", Run: func(t *T) {
			t.Cleanup(func() { cleaned++ })
			t.Cleanup(func() { panic("in cleanup") })
			t.Cleanup(func() { runtime.Goexit() })
			_ = []int{}[len(t.c.Name)]
		}},
		{Name: "gone", Doc: "d", Run: func(*T) { runtime.Goexit() }},
		{Name: "next", Doc: "d", Run: func(*T) {}},
	})
	if d := cmp.Diff(Result{Passed: 1, Failed: 2}, res); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
	if cleaned != 1 {
		t.Errorf("the first cleanup ran %d times", cleaned)
	}
	for _, want := range []string{"panic in case: runtime error: index out of range", "panic in cleanup: in cleanup", "cleanup ended without a verdict", "gone: case ended without a verdict", "not ok 1 panics", "not ok 2 gone", "ok 3 next"} {
		if !strings.Contains(out, want) {
			t.Errorf("report lacks %q:\n%s", want, out)
		}
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	var order []string
	res, out := runCases(t, Runner{}, []Case{
		{Name: "patient", Doc: "d", Timeout: 10 * time.Millisecond, Run: func(t *T) {
			t.Cleanup(func() { order = append(order, "patient cleaned") })
			<-t.Context().Done()
		}},
		{Name: "stuck", Doc: "d", Timeout: 10 * time.Millisecond, Run: func(t *T) {
			t.Cleanup(func() { order = append(order, "stuck cleaned") })
			<-release
		}},
		{Name: "next", Doc: "d", Run: func(*T) {}},
	})
	if d := cmp.Diff(Result{Passed: 1, Failed: 2}, res); d != "" {
		t.Errorf("result (-want +got):\n%s\n%s", d, out)
	}
	if d := cmp.Diff([]string{"patient cleaned", "stuck cleaned"}, order); d != "" {
		t.Errorf("cleanup (-want +got):\n%s", d)
	}
	if n := strings.Count(out, "timeout after 10ms"); n != 2 {
		t.Errorf("%d timeouts reported, want 2:\n%s", n, out)
	}
	if !strings.Contains(out, "stuck: does not end") || strings.Contains(out, "patient: does not end") {
		t.Errorf("only the stuck case does not end:\n%s", out)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cleaned := false
	var out bytes.Buffer
	r := Runner{Out: &out, Sandbox: plainSandbox, Features: testFeatures(), Settle: time.Millisecond}
	res, err := r.Run(ctx, []Case{
		{Name: "interrupted", Doc: "d", Run: func(t *T) {
			t.Cleanup(func() { cleaned = true })
			cancel()
			<-t.Context().Done()
		}},
		{Name: "never", Doc: "d", Run: func(t *T) { t.Errorf("ran") }},
	})
	if err != nil || !res.Interrupted || res.Failed != 1 || res.OK() || !cleaned {
		t.Errorf("%+v, %v, cleaned %v", res, err, cleaned)
	}
	if s := out.String(); !strings.Contains(s, "Bail out! interrupted\n") || strings.Contains(s, "2 never") {
		t.Errorf("report:\n%s", s)
	}
}

// TestRogueSkip gives a case a verdict by the back door: the runner has to
// notice that the feature it names is there.
func TestRogueSkip(t *testing.T) {
	res, out := runCases(t, Runner{}, []Case{{Name: "rogue", Doc: "d", Run: func(t *T) { t.skipped = "there" }}})
	if res.Failed != 1 || !strings.Contains(out, "skipped over feature there, which this kernel has") {
		t.Errorf("%+v\n%s", res, out)
	}
}

func TestNoSkip(t *testing.T) {
	cases := []Case{{Name: "needs-missing", Doc: "d", Needs: []Feature{"missing"}, Run: func(*T) {}}}
	res, out := runCases(t, Runner{}, cases)
	if !res.AllSkipped() || !strings.Contains(out, "ok 1 needs-missing # SKIP no missing: needs Linux 9.9\n") {
		t.Errorf("%+v\n%s", res, out)
	}
	res, out = runCases(t, Runner{NoSkip: true}, cases)
	if res.Failed != 1 || res.AllSkipped() || !strings.Contains(out, "nothing may be skipped in this run") {
		t.Errorf("%+v\n%s", res, out)
	}
}

// TestNoSkipOptional: what a kernel may lack whatever its release may be skipped
// all the same, whether the case needs it or asks on its way.
func TestNoSkipOptional(t *testing.T) {
	cases := []Case{
		{Name: "needs", Doc: "d", Needs: []Feature{"optional"}, Run: func(*T) {}},
		{Name: "asks", Doc: "d", MayNeed: []Feature{"optional"}, Run: func(t *T) { t.SkipUnless("optional") }},
	}
	res, out := runCases(t, Runner{NoSkip: true}, cases)
	if res.Skipped != 2 || res.Failed != 0 || !strings.Contains(out, "ok 2 asks # SKIP no optional") {
		t.Errorf("%+v\n%s", res, out)
	}
}

type brokenWriter struct{ left int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.left--; w.left < 0 {
		return 0, errors.New("gone")
	}
	return len(b), nil
}

func TestRunStopsWhenNobodyReads(t *testing.T) {
	ran := 0
	c := func(name string) Case { return Case{Name: name, Doc: "d", Run: func(*T) { ran++ }} }
	r := Runner{Out: &brokenWriter{left: 2}, Sandbox: plainSandbox, Features: testFeatures(), Settle: time.Millisecond}
	if _, err := r.Run(context.Background(), []Case{c("a"), c("b"), c("c")}); err == nil || ran != 2 {
		t.Errorf("error %v after %d cases", err, ran)
	}
}

func TestSandboxFailure(t *testing.T) {
	var out bytes.Buffer
	r := Runner{Out: &out, Sandbox: func(func(*nl.NetNS), func()) error { return errors.New("no namespaces") }, Features: testFeatures(), Settle: time.Millisecond}
	res, err := r.Run(context.Background(), []Case{{Name: "a", Doc: "d", Run: func(*T) {}}})
	if err != nil || res.Failed != 1 || !strings.Contains(out.String(), "a: no namespaces") {
		t.Errorf("%+v, %v\n%s", res, err, out.String())
	}
}

func TestSandboxHangs(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	var out bytes.Buffer
	r := Runner{Out: &out, Sandbox: func(func(*nl.NetNS), func()) error { <-release; return errors.New("late") }, Features: testFeatures(),
		Grace: 10 * time.Millisecond, Settle: time.Millisecond}
	res, err := r.Run(context.Background(), []Case{{Name: "a", Doc: "d", Timeout: 10 * time.Millisecond, Run: func(*T) {}}})
	if err != nil || res.Failed != 1 || !strings.Contains(out.String(), "was not there in time") {
		t.Errorf("%+v, %v\n%s", res, err, out.String())
	}
}

// TestReportFromManyGoroutines is for the race detector.
func TestReportFromManyGoroutines(t *testing.T) {
	res, _ := runCases(t, Runner{}, []Case{{Name: "busy", Doc: "d", Needs: []Feature{"there"}, Run: func(t *T) {
		ch := make(chan struct{})
		for range 8 {
			go func() {
				t.Logf("x")
				t.Cleanup(func() {})
				_ = t.Failed() || !t.Has("there")
				ch <- struct{}{}
			}()
		}
		for range 8 {
			<-ch
		}
	}}})
	if res.Passed != 1 {
		t.Errorf("%+v", res)
	}
}
