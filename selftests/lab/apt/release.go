// SPDX-License-Identifier: Apache-2.0

package apt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Release lists, of all that installing a package on an empty system takes, the
// packages that can be had at that package's very version: what was built
// together with it. For a package that only depends on others these are the
// others. The package itself is first, the rest sorted by name.
func (s *State) Release(ctx context.Context, pkg, version string) ([]Package, error) {
	// What the machine has installed must not decide.
	status := filepath.Join(s.dir, "nothing-installed")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return nil, fmt.Errorf("find what %s %s depends on: %w", pkg, version, err)
	}
	text, err := s.run(ctx, s.dir, "apt-get", "install", "--simulate", "--no-install-recommends",
		"-o", "Dir::State::status="+status, pkg+"="+version)
	if err != nil {
		return nil, fmt.Errorf("find what %s %s depends on: %w", pkg, version, err)
	}
	var names []string
	for _, p := range parseSimulation(text) {
		names = append(names, p.Name)
	}
	if !slices.Contains(names, pkg) {
		return nil, fmt.Errorf("find what %s %s depends on: apt's answer does not name it", pkg, version)
	}
	// A dependency without a version was resolved to the newest there is.
	table, err := s.run(ctx, s.dir, "apt-cache", append([]string{"madison"}, names...)...)
	if err != nil {
		return nil, fmt.Errorf("list versions of what %s depends on: %w", pkg, err)
	}
	return sameVersion(table, names, pkg, version), nil
}

// sameVersion picks, from a table of apt-cache madison, those of the names that
// there are at a version.
func sameVersion(table string, names []string, first, version string) []Package {
	names = slices.Clone(names)
	slices.Sort(names)
	out := []Package{{first, version}}
	for _, name := range slices.Compact(names) {
		if name != first && slices.Contains(parseMadison(table, name), version) {
			out = append(out, Package{name, version})
		}
	}
	return out
}
