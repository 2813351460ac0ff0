// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Test is one test of the suite.
type Test struct {
	// Name is what the suite's script takes as an argument.
	Name string
	// Doc is the script's description. It ends the line of the verdict.
	Doc string
}

// ParseTests reads the list of tests in the suite's script: lines of a name and
// a description in a shell variable.
func ParseTests(script string) ([]Test, error) {
	_, list, found := strings.Cut(script, "\ntests=\"")
	list, _, closed := strings.Cut(list, "\"")
	if !found || !closed {
		return nil, errors.New("read test list: the script has none")
	}
	var tests []Test
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, doc, _ := strings.Cut(line, "\t")
		t := Test{Name: name, Doc: strings.TrimSpace(doc)}
		switch {
		// The name becomes an argument and a name in the report.
		case strings.Trim(t.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || t.Doc == "":
			return nil, fmt.Errorf("read test list: %.80q is no name and description", line)
		case slices.ContainsFunc(tests, func(o Test) bool { return o.Name == t.Name }):
			return nil, fmt.Errorf("read test list: %s is there twice", t.Name)
		}
		tests = append(tests, t)
	}
	if len(tests) == 0 {
		return nil, errors.New("read test list: it is empty")
	}
	return tests, nil
}

// ErrUnknown is the cause when there is no test of a name.
var ErrUnknown = errors.New("no such test")

// Select gives the named tests in the order of the suite; no name means all.
func Select(tests []Test, names []string) ([]Test, error) {
	if len(names) == 0 {
		return tests, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(tests, func(t Test) bool { return t.Name == name }) {
			var all []string
			for _, t := range tests {
				all = append(all, t.Name)
			}
			return nil, fmt.Errorf("test %q: %w (there are: %s)", name, ErrUnknown, strings.Join(all, ", "))
		}
	}
	var chosen []Test
	for _, t := range tests {
		if slices.Contains(names, t.Name) {
			chosen = append(chosen, t)
		}
	}
	return chosen, nil
}
