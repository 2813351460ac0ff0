// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Case is one test.
type Case struct {
	// Name identifies the case: lower case, digits and dashes.
	Name string
	// Doc says in one line what the case shows.
	Doc string
	// Needs are the features without which the case cannot run.
	Needs []Feature
	// MayNeed are features the case asks for while it runs (T.Has,
	// T.SkipUnless): it has something to show on kernels without them, too.
	MayNeed []Feature
	// Global marks a case that changes the system beyond its network
	// namespaces (it unloads modules, say). Such cases run after all others.
	Global bool
	// Timeout bounds the case; 0 is the runner's default.
	Timeout time.Duration
	// Run is the test. It is called on a locked thread in a fresh network
	// namespace.
	Run func(t *T)
}

// Validate reports the first case that could not be run or reported: a name
// that KTAP readers would misread, a doubled name, no function.
func Validate(cases []Case) error {
	seen := map[string]bool{}
	for _, c := range cases {
		switch {
		case c.Name == "" || strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
			return fmt.Errorf("case %q: a name is made of lower-case letters, digits and dashes", c.Name)
		case seen[c.Name]:
			return fmt.Errorf("case %q: the name is taken", c.Name)
		case c.Run == nil:
			return fmt.Errorf("case %q: nothing to run", c.Name)
		case c.Doc == "" || strings.ContainsAny(c.Doc, "\n#"):
			return fmt.Errorf("case %q: its description must be one line without #", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// Select returns the cases any of the patterns chooses, in order; no pattern
// chooses all. A pattern with *, ? or [ is a glob over the whole name, any
// other one is looked for anywhere in the name. A pattern that chooses nothing
// is an error: a misspelt name must not pass for success.
func Select(cases []Case, patterns []string) ([]Case, error) {
	if len(patterns) == 0 {
		return slices.Clone(cases), nil
	}
	chosen := make([]bool, len(cases))
	for _, p := range patterns {
		hits := 0
		for i, c := range cases {
			ok, err := matches(p, c.Name)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", p, err)
			}
			if ok {
				chosen[i] = true
				hits++
			}
		}
		if hits == 0 {
			return nil, fmt.Errorf("pattern %q: no case of that name", p)
		}
	}
	var out []Case
	for i, c := range cases {
		if chosen[i] {
			out = append(out, c)
		}
	}
	return out, nil
}

func matches(pattern, name string) (bool, error) {
	if strings.ContainsAny(pattern, "*?[") {
		return path.Match(pattern, name)
	}
	return pattern != "" && strings.Contains(name, pattern), nil
}

// ordered puts the cases that reach beyond their namespaces behind the others.
func ordered(cases []Case) []Case {
	out := make([]Case, 0, len(cases))
	for _, global := range []bool{false, true} {
		for _, c := range cases {
			if c.Global == global {
				out = append(out, c)
			}
		}
	}
	return out
}
