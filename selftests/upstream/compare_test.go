// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/selftests/ktap"
)

func TestComparison(t *testing.T) {
	tests := []Test{{"ct_connect_v4", "waits"}, {"a", "a"}, {"b", "b"}, {"c", "c"}, {"d", "d"}}
	c := Comparison{Tools: [2]string{"python", "ours"}}
	if c.Ratio() != 0 {
		t.Errorf("nothing: %f", c.Ratio())
	}
	// As they end, which is in no order.
	for _, r := range []struct {
		test, tool string
		status     ktap.Status
		s          float64
	}{
		{"b", "python", ktap.Passed, 10}, {"a", "python", ktap.Passed, 30},
		{"a", "ours", ktap.Passed, 5}, {"b", "ours", ktap.Passed, 5},
		{"ct_connect_v4", "ours", ktap.Passed, 100}, {"ct_connect_v4", "python", ktap.Passed, 100},
		{"c", "python", ktap.Passed, 20}, {"c", "ours", ktap.Failed, 1},
		{"d", "python", ktap.Skipped, 3}, {"d", "ours", ktap.Skipped, 1},
		{"a", "perl", ktap.Passed, 1},
	} {
		c.Add(r.test, r.tool, r.status, time.Duration(r.s*float64(time.Second)))
	}
	if c.Ratio() != 0.25 || !slices.Equal(c.Worse(), []string{"c"}) {
		t.Errorf("ratio %f, worse %v", c.Ratio(), c.Worse())
	}
	var out bytes.Buffer
	if err := c.WriteMarkdown(&out, append(tests, Test{"never", "ran"})); err != nil {
		t.Fatal(err)
	}
	const want = `| test | python | s | ours | s | ratio |
|---|---|---|---|---|---|
| a | ok | 30.0 | ok | 5.0 | 0.17 |
| b | ok | 10.0 | ok | 5.0 | 0.50 |
| c | ok | 20.0 | FAIL | 1.0 | |
| d | skip | 3.0 | skip | 1.0 | |
| **those both pass** | | **40.0** | | **10.0** | **0.25** |
| ct_connect_v4 | ok | 100.0 | ok | 100.0 | 1.00 |
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
	if err := c.WriteMarkdown(brokenWriter{}, tests); err == nil {
		t.Error("a table that cannot be written is no error")
	}
}

// TestComparisonMissing: a tool whose result is not there has not passed.
func TestComparisonMissing(t *testing.T) {
	c := Comparison{Tools: [2]string{"python", "ours"}}
	c.Add("a", "python", ktap.Passed, time.Second)
	if !slices.Equal(c.Worse(), []string{"a"}) || c.Ratio() != 0 {
		t.Errorf("ratio %f, worse %v", c.Ratio(), c.Worse())
	}
}

// TestRunDrivers: each test runs with one driver and then the other, under names
// of their own, and everybody is told.
func TestRunDrivers(t *testing.T) {
	var out bytes.Buffer
	var told []string
	driver := func(name string, fails bool) Driver {
		return Driver{Name: name, Boot: func(_ context.Context, test Test) Ended {
			e := ok(test)
			if fails && test.Name == "b" {
				e.Exit = 1
			}
			return e
		}}
	}
	r := Runner{
		Drivers: []Driver{driver("python", false), driver("ours", true)}, Jobs: 1, Out: &out,
		Done: func(t Test, driver string, status ktap.Status, took time.Duration) {
			told = append(told, fmt.Sprint(t.Name, " ", driver, " ", status, " ", took))
		},
	}
	res, err := r.Run(t.Context(), []Test{{"a", "x"}, {"b", "y"}})
	if err != nil || res.Interrupted || res.Passed != 3 || res.Failed != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	if want := []string{"a python ok 1.5s", "a ours ok 1.5s", "b python ok 1.5s", "b ours FAIL 1.5s"}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	for _, line := range []string{"1..4", "ok 1 a-python", "ok 2 a-ours", "ok 3 b-python", "not ok 4 b-ours"} {
		if !strings.Contains(out.String(), "\n"+line+"\n") {
			t.Errorf("no %q in\n%s", line, out.String())
		}
	}
}
