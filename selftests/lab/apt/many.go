// SPDX-License-Identifier: Apache-2.0

package apt

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// System lists what a system of the suite's required packages, apt and the
// named ones consists of. Names the suite does not have are given as missing
// and left out; everything else wrong with them is an error.
func (s *State) System(ctx context.Context, names []string) (all []Package, missing []string, err error) {
	text, err := s.run(ctx, s.dir, "apt-cache", "pkgnames")
	if err != nil {
		return nil, nil, fmt.Errorf("list packages of %s: %w", s.suite, err)
	}
	known := map[string]bool{}
	for name := range strings.Lines(text) {
		known[strings.TrimSpace(name)] = true
	}
	args := []string{"install", "--simulate", "--no-install-recommends", "?priority(required)", "apt"}
	for _, name := range names {
		if known[name] {
			args = append(args, name)
		} else {
			missing = append(missing, name)
		}
	}
	if text, err = s.run(ctx, s.dir, "apt-get", args...); err != nil {
		return nil, nil, fmt.Errorf("find what a system of %s consists of: %w", s.suite, err)
	}
	all = parseSimulation(text)
	for _, name := range args[4:] {
		if !slices.ContainsFunc(all, func(p Package) bool { return p.Name == name }) {
			return nil, nil, fmt.Errorf("find what a system of %s consists of: apt's answer does not name %s", s.suite, name)
		}
	}
	return all, missing, nil
}

// Status is a package in a system's records.
type Status struct {
	Package
	// Ready tells that it is installed and configured.
	Ready bool
}

// ParseStatus reads the records of dpkg in a system, /var/lib/dpkg/status.
// Packages that are known but not there are left out.
func ParseStatus(text string) []Status {
	var all []Status
	for stanza := range strings.SplitSeq(text, "\n\n") {
		f := fieldsOf(stanza)
		state := strings.Fields(f["Status"])
		if f["Package"] == "" || len(state) != 3 || state[2] == "not-installed" || state[2] == "config-files" {
			continue
		}
		all = append(all, Status{Package{f["Package"], f["Version"]}, state[1] == "ok" && state[2] == "installed"})
	}
	return all
}

// fieldsOf reads the first lines of a stanza's fields.
func fieldsOf(stanza string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(stanza) {
		if name, value, ok := strings.Cut(line, ":"); ok && line[0] != ' ' && line[0] != '\t' {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

func words(packages []Package) []string {
	var out []string
	for _, p := range packages {
		out = append(out, p.Name+"="+p.Version)
	}
	return out
}

// DownloadAll fetches packages into a directory, checked by apt against the
// signed indexes.
func (s *State) DownloadAll(ctx context.Context, packages []Package, dir string) error {
	if _, err := s.run(ctx, dir, "apt-get", append([]string{"download"}, words(packages)...)...); err != nil {
		return fmt.Errorf("download %d packages: %w", len(packages), err)
	}
	return nil
}

// Index gives the packages' entries of the suite's index, with the files
// DownloadAll has made of them as their places.
func (s *State) Index(ctx context.Context, packages []Package) (string, error) {
	text, err := s.run(ctx, s.dir, "apt-cache", append([]string{"show", "--no-all-versions"}, words(packages)...)...)
	if err != nil {
		return "", fmt.Errorf("read package lists of %s: %w", s.suite, err)
	}
	return relocate(text), nil
}

// relocate puts the files of an index into one directory, under the names that
// apt-get download gives them: with the whole version.
func relocate(index string) string {
	var out strings.Builder
	for stanza := range strings.SplitSeq(index, "\n\n") {
		fields := fieldsOf(stanza)
		if fields["Package"] == "" || fields["Filename"] == "" || strings.Contains(fields["Package"]+fields["Version"]+fields["Architecture"], "/") {
			continue
		}
		file := fields["Package"] + "_" + strings.ReplaceAll(fields["Version"], ":", "%3a") + "_" + fields["Architecture"] + ".deb"
		for line := range strings.Lines(strings.Trim(stanza, "\n") + "\n") {
			if strings.HasPrefix(line, "Filename:") {
				line = "Filename: " + filepath.Join("pool", file) + "\n"
			}
			out.WriteString(line)
		}
		out.WriteString("\n")
	}
	return out.String()
}
