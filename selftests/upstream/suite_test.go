// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const script = `#!/bin/bash
VERBOSE=0

tests="
	arp_ping				eth-arp: Basic arp ping
	connect_v4				ip4-xon: two	words
	psample					psample: Sampling packets"

info() {
	echo "tests=\"
	none	none\""
}
`

func TestParseTests(t *testing.T) {
	got, err := ParseTests(script)
	want := []Test{{"arp_ping", "eth-arp: Basic arp ping"}, {"connect_v4", "ip4-xon: two\twords"}, {"psample", "psample: Sampling packets"}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	for text, want := range map[string]string{
		"":                                   "the script has none",
		"tests=\"\n\ta\tb\"":                 "the script has none", // not at a line's beginning
		"\ntests=\"\n\ta\tb\n":               "the script has none",
		"\ntests=\"\n\n\"":                   "it is empty",
		"\ntests=\"\n\ta\n\"":                "no name and description",
		"\ntests=\"\n\t$(reboot)\tb\n\"":     "no name and description",
		"\ntests=\"\n\ta b\tc\n\"":           "no name and description",
		"\ntests=\"\n\ta\tb\n\tc\td\n\ta\te": "the script has none",
		"\ntests=\"\n\ta\tb\n\ta\te\"":       "a is there twice",
	} {
		if got, err := ParseTests(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzParseTests(f *testing.F) {
	f.Add(script)
	f.Add("\ntests=\"\n\ta\tb\"")
	f.Fuzz(func(t *testing.T, text string) {
		tests, err := ParseTests(text)
		if (err == nil) != (len(tests) > 0) {
			t.Fatalf("%v with %v", tests, err)
		}
		seen := map[string]bool{}
		for _, got := range tests {
			if got.Name == "" || got.Doc == "" || strings.ContainsAny(got.Name, " \t\n-/.$") || seen[got.Name] {
				t.Errorf("%+v", got)
			}
			seen[got.Name] = true
		}
	})
}

func TestSelect(t *testing.T) {
	tests := []Test{{"a", "A"}, {"b", "B"}, {"c", "C"}}
	for names, want := range map[string]string{"": "ABC", "c a": "AC", "b b": "B"} {
		chosen, err := Select(tests, strings.Fields(names))
		got := ""
		for _, c := range chosen {
			got += c.Doc
		}
		if got != want || err != nil {
			t.Errorf("%q: %s, %v, want %s", names, got, err, want)
		}
	}
	if _, err := Select(tests, []string{"a", "aa"}); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), `"aa"`) || !strings.Contains(err.Error(), "a, b, c") {
		t.Errorf("aa: %v", err)
	}
}
