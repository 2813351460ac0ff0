// SPDX-License-Identifier: Apache-2.0

package suites

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{Host: true}
	for _, s := range All() {
		if seen[s.Name] || s.Name == "" || s.Summary == "" {
			t.Errorf("%+v is there twice or incomplete", s)
		}
		seen[s.Name] = true
		packages := s.Packages()
		if slices.Sort(packages); len(slices.Compact(packages)) != len(s.Packages()) {
			t.Errorf("%s: a package is listed twice: %v", s.Name, packages)
		}
		if !slices.Contains(packages, "openvswitch-switch") {
			t.Errorf("%s: no Open vSwitch", s.Name)
		}
		for _, p := range packages {
			if strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789+.-") != "" || p == "" || p[0] == '-' {
				t.Errorf("%s: %q is no package's name", s.Name, p)
			}
		}
	}
}

func TestPackages(t *testing.T) {
	all, less := Suite{}.Packages(), Suite{without: []string{"bc", "ncat"}, with: []string{"nmap"}}.Packages()
	if len(less) != len(all)-1 || slices.Contains(less, "bc") || slices.Contains(less, "ncat") || !slices.Contains(less, "nmap") {
		t.Errorf("%v", less)
	}
	if !slices.Contains(Suite{}.Packages(), "bc") {
		t.Error("the common list was changed")
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]bool{"trixie": true, "": false, Host: false} {
		if s, ok, err := Find(name); ok != want || err != nil || ok && s.Name != name {
			t.Errorf("Find(%q) = %+v, %v, %v", name, s, ok, err)
		}
	}
	_, _, err := Find("potato")
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "there are: host, bookworm") {
		t.Errorf("Find(potato): %v", err)
	}
}
