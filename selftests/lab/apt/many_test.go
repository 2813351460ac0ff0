// SPDX-License-Identifier: Apache-2.0

package apt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const index = `Package: iproute2
Version: 6.15.0-1
Architecture: amd64
Description: networking
 Filename: no field, as it is indented
Filename: pool/main/i/iproute2/iproute2_6.15.0-1_amd64.deb
Size: 1

Package: passwd
Version: 1:4.17.4-2
Architecture: all
Filename: pool/main/s/shadow/passwd_4.17.4-2_all.deb

Package: nofile
Version: 1
`

func TestRelocate(t *testing.T) {
	want := `Package: iproute2
Version: 6.15.0-1
Architecture: amd64
Description: networking
 Filename: no field, as it is indented
Filename: pool/iproute2_6.15.0-1_amd64.deb
Size: 1

Package: passwd
Version: 1:4.17.4-2
Architecture: all
Filename: pool/passwd_1%3a4.17.4-2_all.deb

`
	if diff := cmp.Diff(want, relocate(index)); diff != "" {
		t.Error(diff)
	}
	if got := relocate("junk"); got != "" {
		t.Errorf("%q", got)
	}
}

const records = `Package: libc6
Status: install ok installed
Version: 2.41-12
Conffiles:
 /etc/x 1234

Package: half
Status: install ok half-configured
Version: 1

Package: broken
Status: install reinstreq installed
Version: 2

Package: gone
Status: deinstall ok config-files
Version: 3

Package: odd
Version: 4
`

func TestParseStatus(t *testing.T) {
	want := []Status{
		{Package{"libc6", "2.41-12"}, true}, {Package{"half", "1"}, false}, {Package{"broken", "2"}, false},
	}
	if diff := cmp.Diff(want, ParseStatus(records)); diff != "" {
		t.Error(diff)
	}
}

func FuzzStanzas(f *testing.F) {
	f.Add(index)
	f.Add(records)
	f.Add(":\n\n:\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range ParseStatus(text) {
			if s.Name == "" {
				t.Error("a package without a name")
			}
		}
		for line := range strings.Lines(relocate(text)) {
			if rest, ok := strings.CutPrefix(line, "Filename:"); ok && !strings.HasPrefix(rest, " pool/") {
				t.Errorf("a file elsewhere: %q", line)
			}
		}
	})
}

// TestSystem has an apt that knows two packages and depends on a third.
func TestSystem(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	program := func(name, script string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program("apt-cache", "printf 'iproute2\nlibc6\napt\n'")
	program("apt-get", `case "$*" in *' potato'*) exit 1;; esac; printf 'Inst libc6 (2.41 Debian [amd64])\nInst apt (3.0 Debian [amd64])\nInst iproute2 (6.15 Debian [amd64])\n'`)
	s, err := OpenSuite(t.TempDir(), "trixie", false)
	if err != nil {
		t.Fatal(err)
	}
	all, missing, err := s.System(t.Context(), []string{"iproute2", "potato"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Package{{"libc6", "2.41"}, {"apt", "3.0"}, {"iproute2", "6.15"}}, all); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"potato"}, missing); diff != "" {
		t.Error(diff)
	}
	// An answer that leaves a package out is not taken.
	program("apt-get", `printf 'Inst libc6 (2.41 Debian [amd64])\n'`)
	if _, _, err := s.System(t.Context(), []string{"iproute2"}); err == nil || !strings.Contains(err.Error(), "does not name apt") {
		t.Errorf("%v", err)
	}
	program("apt-get", "echo 'E: held broken packages' >&2; exit 100")
	if _, _, err := s.System(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "held broken packages") {
		t.Errorf("%v", err)
	}
}
