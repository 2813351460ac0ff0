// SPDX-License-Identifier: Apache-2.0

// Package apt fetches Debian packages by name with the machine's own sources,
// keys and proxies, without root and without touching the machine's package
// state: indexes and archives live in a directory of the caller's.
package apt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// State is a private package state.
type State struct {
	dir   string
	suite string // of OpenSuite
}

// Open prepares a private state in a directory.
func Open(dir string) (*State, error) {
	s := &State{dir: dir}
	for _, sub := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("open package state: %w", err)
		}
	}
	// Read after the machine's own configuration. The hooks it may have for
	// updates (search indexes, clean-ups) are meant for the machine's state.
	// Root would hand downloads to a user who cannot enter a home directory.
	conf := fmt.Sprintf(`Dir::State::lists "%[1]s/lists";
Dir::Cache "%[1]s/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Dpkg::Post-Invoke;
`, dir)
	if strings.ContainsAny(dir, "\"\n") {
		return nil, fmt.Errorf("open package state %q: quotes and line ends cannot stand in apt's configuration (set XDG_CACHE_HOME)", dir)
	}
	// Another build may be reading it.
	tmp := fmt.Sprintf("%s.%d", s.conf(), os.Getpid())
	err := os.WriteFile(tmp, []byte(conf), 0o644)
	if err == nil {
		err = os.Rename(tmp, s.conf())
	}
	if err != nil {
		return nil, fmt.Errorf("open package state: %w", err)
	}
	return s, nil
}

func (s *State) conf() string  { return filepath.Join(s.dir, "apt.conf") }
func (s *State) stamp() string { return filepath.Join(s.dir, "updated") }

// run runs one of apt's programs and returns what it printed. Its messages go
// into the error.
func (s *State) run(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, append([]string{"-c", s.conf(), "-q"}, args...)...)
	cmd.Dir = dir
	// The texts are parsed.
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	// apt's methods hold the outputs open, too, and end when apt is gone.
	cmd.WaitDelay = 2 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%s %s: %w%s", program, args[0], err, lastLines(errs.String()))
	}
	// apt-get update fails to fetch an index with a warning only.
	if args[0] == "update" {
		for line := range strings.Lines(errs.String()) {
			if strings.HasPrefix(line, "E:") || strings.Contains(line, "Failed to fetch") {
				return "", fmt.Errorf("%s %s%s", program, args[0], lastLines(errs.String()))
			}
		}
	}
	return out.String(), nil
}

// lastLines condenses apt's messages to what belongs into an error.
func lastLines(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "E:") || strings.HasPrefix(line, "W:") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return ": " + strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// Age is the time since the last update; a state never updated is very old.
func (s *State) Age() time.Duration {
	st, err := os.Stat(s.stamp())
	if err != nil {
		return 1 << 62
	}
	return time.Since(st.ModTime())
}

// Update fetches the package indexes.
func (s *State) Update(ctx context.Context) error {
	if _, err := s.run(ctx, s.dir, "apt-get", "update"); err != nil {
		return fmt.Errorf("fetch package lists: %w", err)
	}
	if err := os.WriteFile(s.stamp(), nil, 0o644); err != nil {
		return fmt.Errorf("fetch package lists: %w", err)
	}
	return nil
}

// Versions lists the versions of a package that can be had, newest first.
func (s *State) Versions(ctx context.Context, pkg string) ([]string, error) {
	text, err := s.run(ctx, s.dir, "apt-cache", "madison", pkg)
	if err != nil {
		return nil, fmt.Errorf("list versions of %s: %w", pkg, err)
	}
	return parseMadison(text, pkg), nil
}

// Size is the download size of a package in bytes.
func (s *State) Size(ctx context.Context, pkg, version string) (int64, error) {
	text, err := s.run(ctx, s.dir, "apt-get", "download", "--print-uris", pkg+"="+version)
	if err != nil {
		return 0, fmt.Errorf("look up %s %s: %w", pkg, version, err)
	}
	_, size, err := parseURI(text)
	return size, err
}

// Download fetches a package into a directory, checked by apt against the
// signed indexes, and returns its file.
func (s *State) Download(ctx context.Context, pkg, version, dir string) (string, error) {
	if _, err := s.run(ctx, dir, "apt-get", "download", pkg+"="+version); err != nil {
		return "", fmt.Errorf("download %s %s: %w", pkg, version, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, pkg+"_*.deb"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("download %s %s: %w", pkg, version, errors.New("apt left no package file"))
	}
	return files[0], nil
}
