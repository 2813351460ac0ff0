// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelect(t *testing.T) {
	cases := []Case{{Name: "tc-sample"}, {Name: "tc-sample-cookie"}, {Name: "ovs-psample"}}
	for _, tt := range []struct {
		patterns string
		want     []string
		err      string
	}{
		{"", []string{"tc-sample", "tc-sample-cookie", "ovs-psample"}, ""},
		{"ovs-psample tc-sample-cookie", []string{"tc-sample-cookie", "ovs-psample"}, ""},
		{"sample", []string{"tc-sample", "tc-sample-cookie", "ovs-psample"}, ""},
		{"tc-sampl?", []string{"tc-sample"}, ""},
		{"tc-*", []string{"tc-sample", "tc-sample-cookie"}, ""},
		{"tc-* nothing", nil, `pattern "nothing": no case of that name`},
		{"[", nil, `pattern "["`},
	} {
		got, err := Select(cases, strings.Fields(tt.patterns))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: error %v, want %q", tt.patterns, err, tt.err)
			}
			continue
		}
		var names []string
		for _, c := range got {
			names = append(names, c.Name)
		}
		if d := cmp.Diff(tt.want, names); d != "" || err != nil {
			t.Errorf("%q: %v\n%s", tt.patterns, err, d)
		}
	}
	if _, err := Select(cases, []string{""}); err == nil {
		t.Error("an empty pattern chose something")
	}
}

func TestValidate(t *testing.T) {
	run := func(*T) {}
	for _, tt := range []struct {
		cases []Case
		want  string
	}{
		{[]Case{{Name: "a-1", Doc: "d", Run: run}}, ""},
		{[]Case{{Name: "A", Doc: "d", Run: run}}, "lower-case"},
		{[]Case{{Name: "a # SKIP", Doc: "d", Run: run}}, "lower-case"},
		{[]Case{{Name: "", Doc: "d", Run: run}}, "lower-case"},
		{[]Case{{Name: "a", Doc: "d", Run: run}, {Name: "a", Doc: "d", Run: run}}, "taken"},
		{[]Case{{Name: "a", Doc: "d"}}, "nothing to run"},
		{[]Case{{Name: "a", Doc: "two\nlines", Run: run}}, "one line"},
		{[]Case{{Name: "a", Run: run}}, "one line"},
	} {
		err := Validate(tt.cases)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.cases, err, tt.want)
		}
	}
}
