// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/selftests/ktap"
)

// ok is the end of a test that passed.
func ok(t Test) Ended {
	return Ended{Log: fmt.Sprintf("TEST: %-60s  [ OK ]\n", t.Doc), Took: 1500 * time.Millisecond}
}

func TestRun(t *testing.T) {
	tests := []Test{{"good", "g: passes"}, {"bad", "b: fails"}, {"absent", "a: cannot be"}, {"lazy", "l: skips"}}
	boot := func(_ context.Context, test Test) Ended {
		switch test.Name {
		case "good":
			return ok(test)
		case "bad":
			return Ended{Exit: 1, Log: "sees\x1b[31m nothing\nTEST: b: fails  [FAIL]\n", Took: time.Second}
		}
		return Ended{Exit: 4, Log: fmt.Sprintf("no perf\nTEST: %s [SKIP]\n", test.Doc)}
	}
	r := Runner{Drivers: []Driver{{Boot: boot}}, Jobs: 1, Notes: []string{"somewhere"}, Skips: []KnownSkip{{"absent", func(Place) bool { return true }, "there is none"}}}
	for verbose, want := range map[bool]string{
		false: `KTAP version 1
1..4
# somewhere
# good: g: passes (1.5 s)
ok 1 good
# bad: b: fails (1.0 s)
#   sees?[31m nothing
#   TEST: b: fails  [FAIL]
# bad: exit status 1, the suite says FAIL
not ok 2 bad
# absent: a: cannot be (0.0 s)
ok 3 absent # SKIP there is none
# lazy: l: skips (0.0 s)
#   no perf
#   TEST: l: skips [SKIP]
# lazy: skipped (no perf), which nothing allows here
not ok 4 lazy
# Totals: pass:1 fail:2 xfail:0 xpass:0 skip:1 error:0
`,
		true: "#   TEST: g: passes                                                     [ OK ]\nok 1 good\n",
	} {
		var out bytes.Buffer
		r.Out, r.Verbose = &out, verbose
		res, err := r.Run(context.Background(), tests)
		if err != nil || res != (Result{Counts: ktap.Counts{Passed: 1, Failed: 2, Skipped: 1}}) {
			t.Errorf("%+v, %v", res, err)
		}
		if got := out.String(); !verbose && got != want || !strings.Contains(got, want) {
			t.Errorf("verbose %v:\n%s", verbose, cmp.Diff(want, got))
		}
	}
}

// TestRunLanes: as many at a time as asked for, and all of them once.
func TestRunLanes(t *testing.T) {
	var tests []Test
	for i := range 12 {
		tests = append(tests, Test{fmt.Sprint("t", i), fmt.Sprint("doc", i, ".")})
	}
	for _, jobs := range []int{1, 3, 100} {
		var now, most atomic.Int32
		var out bytes.Buffer
		r := Runner{Jobs: jobs, Out: &out, Drivers: []Driver{{Boot: func(_ context.Context, test Test) Ended {
			n := now.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(5 * time.Millisecond)
			now.Add(-1)
			return ok(test)
		}}}}
		res, err := r.Run(context.Background(), tests)
		if err != nil || res.Passed != len(tests) || res.Interrupted {
			t.Errorf("%d jobs: %+v, %v", jobs, res, err)
		}
		if got := int(most.Load()); got > min(jobs, len(tests)) || jobs == 3 && got != 3 {
			t.Errorf("%d jobs: %d at a time", jobs, got)
		}
		for i, test := range tests {
			if n := len(regexp.MustCompile(`(?m)^ok \d+ `+test.Name+`$`).FindAllString(out.String(), -1)); n != 1 {
				t.Errorf("%d jobs: %s is reported %d times", jobs, test.Name, n)
			}
			if !strings.Contains(out.String(), fmt.Sprintf("\nok %d ", i+1)) {
				t.Errorf("%d jobs: no number %d", jobs, i+1)
			}
		}
	}
}

// TestRunInterrupted: guests are ended and waited for, and what they say then
// is no verdict.
func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var out bytes.Buffer
	var alive atomic.Int32
	r := Runner{Jobs: 2, Out: &out, Drivers: []Driver{{Boot: func(ctx context.Context, test Test) Ended {
		if test.Name == "first" {
			return ok(test)
		}
		alive.Add(1)
		defer alive.Add(-1)
		if test.Name == "third" {
			cancel()
		}
		<-ctx.Done()
		time.Sleep(5 * time.Millisecond)
		return Ended{Err: ctx.Err()}
	}}}}
	res, err := r.Run(ctx, []Test{{"first", "1"}, {"second", "2"}, {"third", "3"}, {"fourth", "4"}})
	if err != nil || !res.Interrupted || res.Failed != 0 || res.Passed > 1 || alive.Load() != 0 {
		t.Errorf("%+v, %v, %d alive", res, err, alive.Load())
	}
	if s := out.String(); !strings.Contains(s, "Bail out! interrupted\n") || strings.Contains(s, "not ok") {
		t.Errorf("report:\n%s", s)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestRunStopsWhenNobodyReads(t *testing.T) {
	var ran atomic.Int32
	tests := make([]Test, 100)
	for i := range tests {
		tests[i] = Test{fmt.Sprint("t", i), "d"}
	}
	r := Runner{Jobs: 1, Out: brokenWriter{}, Drivers: []Driver{{Boot: func(_ context.Context, test Test) Ended {
		ran.Add(1)
		return ok(test)
	}}}}
	if _, err := r.Run(context.Background(), tests); err == nil || !strings.Contains(err.Error(), "gone") || ran.Load() > 10 {
		t.Errorf("error %v after %d tests", err, ran.Load())
	}
}
