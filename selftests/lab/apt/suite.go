// SPDX-License-Identifier: Apache-2.0

package apt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrNoMirror is the cause when the machine's package sources name no archive
// of Debian's to get other suites from.
var ErrNoMirror = errors.New("this machine's package sources name no Debian archive")

// keyrings are where Debian's keys lie when the package debian-archive-keyring
// is installed. Without any of them apt asks the keys it trusts anyway.
var keyrings = []string{
	"/usr/share/keyrings/debian-archive-keyring.gpg",
	"/usr/share/keyrings/debian-archive-keyring.pgp",
}

// Mirrors are the addresses from which this machine gets Debian itself, as its
// own configuration has them.
func (s *State) Mirrors(ctx context.Context) ([]string, error) {
	const format = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
	text, err := s.run(ctx, s.dir, "apt-get", "indextargets", "--format", format, "Created-By: Packages")
	if err != nil {
		return nil, fmt.Errorf("find Debian mirror: %w", err)
	}
	mirrors := parseMirrors(text)
	if len(mirrors) == 0 {
		return nil, fmt.Errorf("find Debian mirror: %w", ErrNoMirror)
	}
	return mirrors, nil
}

// parseMirrors picks, from lines "origin|label|address", the addresses of
// Debian's main archive, each once. The security archive has another label and
// lacks most packages.
func parseMirrors(text string) []string {
	var mirrors []string
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 3)
		if len(f) != 3 || f[0] != "Debian" || f[1] != "Debian" || strings.ContainsAny(f[2], " \t[]") {
			continue
		}
		// A disc holds one release only.
		if uri := f[2]; strings.Contains(uri, ":") && !strings.HasPrefix(uri, "cdrom:") && !slices.Contains(mirrors, uri) {
			mirrors = append(mirrors, uri)
		}
	}
	return mirrors
}

// OpenSuite prepares a private state for one suite of Debian, without the
// machine's sources, preferences and installed packages. Its mirrors are set by
// UpdateSuite. An expired Release file is accepted on request only; signatures
// are checked always.
func OpenSuite(dir, suite string, acceptExpired bool) (*State, error) {
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	s.suite = suite
	conf := fmt.Sprintf(`Dir::Etc::sourcelist %q;
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::status %q;
APT::Default-Release "";
Acquire::AllowInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
`, s.sources(), filepath.Join(dir, "status"))
	if acceptExpired {
		conf += "Acquire::Check-Valid-Until \"false\";\n"
	}
	f, err := os.OpenFile(s.conf(), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.WriteString(conf)
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "status"), nil, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("open package state: %w", err)
	}
	return s, nil
}

func (s *State) sources() string { return filepath.Join(s.dir, "sources.list") }

// UpdateSuite fetches the suite's package index from the first mirror that has
// it.
func (s *State) UpdateSuite(ctx context.Context, mirrors []string) error {
	option := ""
	for _, k := range keyrings {
		if _, err := os.Stat(k); err == nil {
			option = "[signed-by=" + k + "] "
			break
		}
	}
	var failed []error
	for _, m := range mirrors {
		line := "deb " + option + m + " " + s.suite + " main\n"
		if err := os.WriteFile(s.sources(), []byte(line), 0o600); err != nil {
			return fmt.Errorf("fetch package lists of %s: %w", s.suite, err)
		}
		err := s.Update(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		failed = append(failed, err)
	}
	return fmt.Errorf("suite %s: %w", s.suite, errors.Join(failed...))
}

// Expired tells since when the suite's Release file is no longer valid; zero
// when it still is or does not say.
func (s *State) Expired() time.Time {
	var last time.Time
	for _, pattern := range []string{"*InRelease", "*Release"} {
		files, _ := filepath.Glob(filepath.Join(s.dir, "lists", pattern))
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				continue
			}
			if t := validUntil(string(data)); t.After(last) {
				last = t
			}
		}
	}
	if last.IsZero() || time.Now().Before(last) {
		return time.Time{}
	}
	return last
}

// validUntil reads the field of that name from a Release file.
func validUntil(release string) time.Time {
	for line := range strings.Lines(release) {
		if v, ok := strings.CutPrefix(line, "Valid-Until:"); ok {
			if t, err := time.Parse("Mon, 02 Jan 2006 15:04:05 MST", strings.TrimSpace(v)); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// Package is a package at a version.
type Package struct{ Name, Version string }

// Closure lists what installing a package on an empty system takes, the package
// itself last or anywhere.
func (s *State) Closure(ctx context.Context, pkg, version string) ([]Package, error) {
	text, err := s.run(ctx, s.dir, "apt-get", "install", "--simulate", "--no-install-recommends", pkg+"="+version)
	if err != nil {
		return nil, fmt.Errorf("find what %s %s depends on: %w", pkg, version, err)
	}
	all := parseSimulation(text)
	if !slices.Contains(all, Package{pkg, version}) {
		return nil, fmt.Errorf("find what %s %s depends on: apt's answer does not name it", pkg, version)
	}
	return all, nil
}

// parseSimulation reads the lines "Inst name (version archive [arch])" of
// apt-get install --simulate.
func parseSimulation(text string) []Package {
	var all []Package
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "Inst" || !strings.HasPrefix(f[2], "(") {
			continue
		}
		p := Package{Name: f[1], Version: strings.TrimRight(f[2][1:], ")")}
		// They become words of a command line and names of files.
		if p.Version == "" || p.Name[0] == '-' || strings.ContainsAny(p.Name+p.Version, "/=") {
			continue
		}
		all = append(all, p)
	}
	return all
}

// Known tells whether the state has ever been updated.
func (s *State) Known() bool {
	_, err := os.Stat(s.stamp())
	return !errors.Is(err, fs.ErrNotExist)
}
