// SPDX-License-Identifier: Apache-2.0

package apt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const targets = `Debian|Debian|http://mirror.example/debian/
Debian|Debian|http://mirror.example/debian/
Debian|Debian-Security|http://mirror.example/debian-security/
Debian Backports|Debian Backports|http://mirror.example/debian/
Other|Debian|http://other.example/apt
Debian|Debian|cdrom:[Debian 12]/
Debian|Debian|http://evil.example/ sid main
Debian|Debian|mirror+file:/etc/apt/mirrors/debian.list
||http://unknown.example/
`

func TestParseMirrors(t *testing.T) {
	want := []string{"http://mirror.example/debian/", "mirror+file:/etc/apt/mirrors/debian.list"}
	if diff := cmp.Diff(want, parseMirrors(targets)); diff != "" {
		t.Error(diff)
	}
	if got := parseMirrors(""); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

const simulation = `Reading package lists...
NOTE: This is only a simulation!
Inst gcc-14-base (14.2.0-19 Debian:13.7/stable [amd64])
Inst libgcc-s1 (14.2.0-19 Debian:13.7/stable [amd64]) []
Inst libc6 (2.41-12+deb13u4 Debian:13.7/stable [amd64])
Inst -evil (1 x)
Inst ../up (1 x)
Inst user-mode-linux (6.12um1+b21 Debian:13.7/stable [amd64])
Conf libc6 (2.41-12+deb13u4 Debian:13.7/stable [amd64])
Inst short
Inst bare (1)
`

func TestParseSimulation(t *testing.T) {
	want := []Package{
		{"gcc-14-base", "14.2.0-19"}, {"libgcc-s1", "14.2.0-19"}, {"libc6", "2.41-12+deb13u4"},
		{"user-mode-linux", "6.12um1+b21"}, {"bare", "1"},
	}
	if diff := cmp.Diff(want, parseSimulation(simulation)); diff != "" {
		t.Error(diff)
	}
}

func TestExpired(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSuite(dir, "sid", true)
	if err != nil {
		t.Fatal(err)
	}
	if at := s.Expired(); !at.IsZero() {
		t.Errorf("without lists: %v", at)
	}
	name := filepath.Join(dir, "lists", "mirror.example_debian_dists_sid_InRelease")
	for text, want := range map[string]bool{
		"Valid-Until: Mon, 02 Jan 2006 15:04:05 UTC\n":                                                      true,
		"Valid-Until: " + time.Now().Add(48*time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 MST") + "\n": false,
		"Suite: trixie\n":          false,
		"Valid-Until: tomorrow?\n": false,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if at := s.Expired(); at.IsZero() == want {
			t.Errorf("%q: %v", text, at)
		}
	}
}

// TestOpenSuite looks at what keeps a suite apart from the machine, and for the
// one thing that only some suites are granted.
func TestOpenSuite(t *testing.T) {
	for _, accept := range []bool{false, true} {
		dir := t.TempDir()
		if _, err := OpenSuite(dir, "sid", accept); err != nil {
			t.Fatal(err)
		}
		conf, err := os.ReadFile(filepath.Join(dir, "apt.conf"))
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]bool{
			`Acquire::Check-Valid-Until "false";`:           accept,
			`Acquire::AllowInsecureRepositories "false";`:   true,
			`APT::Get::AllowUnauthenticated "false";`:       true,
			`Dir::Etc::sourceparts "/dev/null";`:            true,
			`Dir::State::status "` + dir + `/status";`:      true,
			`Dir::Etc::sourcelist "` + dir + `/sources`:     true,
			`Dir::Etc::preferencesparts "/dev/null";`:       true,
			`APT::Default-Release "";`:                      true,
			"Acquire::AllowDowngradeToInsecureRepositories": false,
		} {
			if got := strings.Contains(string(conf), text); got != want {
				t.Errorf("accept expired %v: %s: %v", accept, text, got)
			}
		}
	}
}

func FuzzParseSuite(f *testing.F) {
	f.Add(targets)
	f.Add(simulation)
	f.Add("Valid-Until: Mon, 02 Jan 2006 15:04:05 UTC\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMirrors(text) {
			// It becomes a word of a sources line.
			if strings.ContainsAny(m, " \t\n[]") || m == "" {
				t.Errorf("mirror %q", m)
			}
		}
		for _, p := range parseSimulation(text) {
			if p.Name == "" || p.Version == "" || strings.ContainsAny(p.Name+p.Version, "/= \n") || p.Name[0] == '-' {
				t.Errorf("package %+v", p)
			}
		}
		validUntil(text)
	})
}
