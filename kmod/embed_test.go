// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entry is a line of a series file: a patch, and the file of the source whose
// text tells that the patch is not needed.
type entry struct{ patch, file, text string }

// entriesOf returns the lines of a series file, in order.
func entriesOf(t *testing.T, dir string) []entry {
	t.Helper()
	data, err := FS.ReadFile(path.Join(dir, "series"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^(\S+)(?:\s+unless\s+(\S+)\s+(\S.*))?$`)
	var entries []entry
	for text := range strings.Lines(string(data)) {
		text, _, _ = strings.Cut(text, "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("%s/series: %q is no line of the form NAME [unless FILE TEXT]", dir, text)
		}
		entries = append(entries, entry{m[1], m[2], m[3]})
	}
	return entries
}

// seriesOf returns the patches a series file names, in order.
func seriesOf(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, e := range entriesOf(t, dir) {
		names = append(names, e.patch)
	}
	return names
}

// bases returns the directories below patches, one for each kernel series.
func bases(t *testing.T) []string {
	t.Helper()
	entries, err := FS.ReadDir("patches")
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, path.Join("patches", e.Name()))
		}
	}
	if len(dirs) == 0 {
		t.Fatal("no patch series is embedded")
	}
	return dirs
}

func TestSeriesListsThePatches(t *testing.T) {
	for _, dir := range bases(t) {
		t.Run(path.Base(dir), func(t *testing.T) {
			want, err := fs.Glob(FS, path.Join(dir, "*.patch"))
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				want[i] = path.Base(want[i])
			}
			// Names start with their number, so sorted is applied order.
			slices.Sort(want)
			if diff := cmp.Diff(want, seriesOf(t, dir)); diff != "" {
				t.Errorf("series does not list the patches in order (-files +series):\n%s", diff)
			}
		})
	}
}

// TestConditions makes sure that a patch which may be left out looks for the
// fix in a file it would change itself, and not for a text it needs to find.
func TestConditions(t *testing.T) {
	conditional := 0
	for _, dir := range bases(t) {
		for _, e := range entriesOf(t, dir) {
			if e.file == "" {
				continue
			}
			conditional++
			data, err := FS.ReadFile(path.Join(dir, e.patch))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(data, []byte("\n+++ b/"+e.file+"\n")) {
				t.Errorf("%s: the condition looks at %s, which the patch does not change", e.patch, e.file)
			}
			for line := range strings.Lines(string(data)) {
				if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "-") {
					if strings.Contains(line, e.text) {
						t.Errorf("%s: applies only to a source with %q, and only to one without", e.patch, e.text)
					}
				}
			}
		}
	}
	if conditional == 0 {
		t.Error("no patch depends on the source")
	}
}

func TestPatchHeaders(t *testing.T) {
	const author = `dpscope maintainers <maintainers@dpscope\.invalid>`
	fields := []struct {
		name string
		re   *regexp.Regexp
	}{
		{"author", regexp.MustCompile(`(?m)^From: ` + author + `$`)},
		{"sign-off", regexp.MustCompile(`(?m)^Signed-off-by: ` + author + `$`)},
		{"subsystem in the subject", regexp.MustCompile(`(?m)^Subject: \[PATCH \d+/\d+\] net(/sched)?: [a-z_]+: `)},
		{"upstream commit with subject", regexp.MustCompile(`(?m)^Upstream: (commit [0-9a-f]{12}\n\("[^"\n]+"\)|none; .+)$`)},
		{"later fixes", regexp.MustCompile(`(?m)^Fixes folded in:( none(; upstream has none)?\.|\n commit [0-9a-f]{12}\b)`)},
		{"difference on this kernel", regexp.MustCompile(`(?m)^On (\d+\.\d+): \S`)},
	}
	for _, dir := range bases(t) {
		series := seriesOf(t, dir)
		for i, name := range series {
			t.Run(path.Join(path.Base(dir), name), func(t *testing.T) {
				data, err := FS.ReadFile(path.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				header, _, ok := bytes.Cut(data, []byte("\n---\n"))
				if !ok {
					t.Fatal("no --- line ends the header")
				}
				if want := fmt.Sprintf("\nSubject: [PATCH %d/%d] ", i+1, len(series)); !bytes.Contains(header, []byte(want)) {
					t.Errorf("header does not number the patch by its place (%q)", want)
				}
				for _, f := range fields {
					if !f.re.Match(header) {
						t.Errorf("header lacks the %s (%s)", f.name, f.re)
					}
				}
				m := fields[len(fields)-1].re.FindSubmatch(header)
				if m != nil && string(m[1]) != path.Base(dir) {
					t.Errorf("header speaks of Linux %s in a series for %s", m[1], path.Base(dir))
				}
			})
		}
	}
}

// TestHeadersHaveSyscallNote makes sure that programs under another licence may
// include the headers.
func TestHeadersHaveSyscallNote(t *testing.T) {
	n := 0
	err := fs.WalkDir(FS, "uapi", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		data, err := FS.ReadFile(name)
		if err != nil {
			return err
		}
		first, _ := bufio.NewReader(bytes.NewReader(data)).ReadString('\n')
		if !strings.Contains(first, "SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note") {
			t.Errorf("%s: first line is %q, not the SPDX line with the syscall note", name, first)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Error("no header is embedded")
	}
}

// TestMakefileFindsItsScripts reads the makefile and scripts for the files they
// name, since a file left out of FS shows only when the lab builds.
func TestMakefileFindsItsScripts(t *testing.T) {
	ref := regexp.MustCompile(`scripts/[a-z-]+\.sh`)
	found := map[string]bool{}
	sources, err := fs.Glob(FS, "scripts/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(sources, "Makefile") {
		data, err := FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range ref.FindAllString(string(data), -1) {
			found[s] = true
			if _, err := fs.Stat(FS, s); err != nil {
				t.Errorf("%s names %s: %v", name, s, err)
			}
		}
	}
	for _, s := range sources {
		if !found[s] {
			t.Errorf("%s is used by nothing", s)
		}
	}
}
