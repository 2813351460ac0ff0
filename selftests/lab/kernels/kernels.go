// SPDX-License-Identifier: Apache-2.0

// Package kernels is the catalogue of the kernels the lab offers. It is data
// only; package build makes them.
package kernels

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// VM is what runs a kernel.
type VM string

// UML is user-mode Linux: the kernel as a process of the host.
const UML VM = "uml"

// Kernel is one entry of the catalogue.
type Kernel struct {
	// Name is what --kernel takes.
	Name string
	VM   VM
	// Series is the upstream series, the first two numbers of the release.
	Series string
	// Suite is the Debian suite the packages come from; empty stands for the
	// machine's own package sources. A kernel of another suite brings that
	// suite's C library along, as its binary wants a newer one.
	Suite string
	// Moving marks a suite without releases: its kernel may change or be
	// unusable on any day, which must not fail the others.
	Moving bool
	// Package is the Debian package with the kernel. The newest version of
	// the series that the package sources offer is taken.
	Package string
	// Source is the Debian package with the kernel's source; empty when the
	// kernel is used as it comes. For patches it must be exactly of the
	// kernel's release, otherwise as near to it as can be had.
	Source string
	// Patches is the directory of kmod/patches applied to the modules built
	// from Source; empty for none.
	Patches string
	// Zones adds conntrack zones, which Debian's user-mode kernels lack, by
	// modules built from Source.
	Zones bool
	// Options are further words of the kernel's command line.
	Options []string
	// Summary says in a few words what the kernel is for.
	Summary string
}

// Default is the kernel taken when none is named.
const Default = "6.1-dpscope"

var catalogue = []Kernel{
	{
		Name: "6.1-dpscope", VM: UML, Series: "6.1",
		Package: "user-mode-linux", Source: "linux-source-6.1", Patches: "6.1", Zones: true,
		Summary: "Debian 12's kernel with our patched modules",
	},
	{
		Name: "6.1", VM: UML, Series: "6.1",
		Package: "user-mode-linux",
		Summary: "Debian 12's kernel as it comes",
	},
	{
		Name: "6.12", VM: UML, Series: "6.12", Suite: "trixie",
		Package: "user-mode-linux", Source: "linux-source-6.12", Zones: true,
		Summary: "Debian 13's kernel, which has the features upstream: the reference",
	},
	{
		Name: "7.2", VM: UML, Series: "7.2", Suite: "sid", Moving: true,
		Package: "user-mode-linux", Source: "linux-source-7.2", Zones: true,
		// Several times faster than ptrace; the kernel falls back to that
		// where the host forbids it.
		Options: []string{"seccomp=auto"},
		Summary: "Debian sid's kernel, upstream's newest: it moves, so it informs",
	},
}

// All gives the catalogue in its order.
func All() []Kernel { return append([]Kernel(nil), catalogue...) }

// ErrUnknown is the cause when a name is not in the catalogue.
var ErrUnknown = errors.New("no such kernel")

// Find looks a kernel up by name.
func Find(name string) (Kernel, error) {
	var names []string
	for _, k := range catalogue {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kernel{}, fmt.Errorf("kernel %q: %w (there are: %s)", name, ErrUnknown, strings.Join(names, ", "))
}

// FindSource gives the kernel whose source package is that of a series.
func FindSource(series string) (Kernel, error) {
	var all []string
	for _, k := range catalogue {
		if k.Source == "" {
			continue
		}
		if k.Series == series {
			return k, nil
		}
		all = append(all, k.Series)
	}
	return Kernel{}, fmt.Errorf("source of series %q: %w (there are: %s)", series, ErrUnknown, strings.Join(all, ", "))
}

// InSeries tells whether a release or package version belongs to a series:
// 6.1.176 and 6.1um4 to 6.1, 6.12.3 not.
func InSeries(version, series string) bool {
	rest, ok := strings.CutPrefix(version, series)
	return ok && (rest == "" || rest[0] < '0' || rest[0] > '9')
}

// SourceFor picks, among the versions of a source package, newest first, the
// newest one that packages exactly a release: 6.1.176-1 for 6.1.176.
func SourceFor(versions []string, release string) (string, bool) {
	for _, v := range versions {
		upstream := v
		if i := strings.LastIndexByte(v, '-'); i >= 0 {
			upstream = v[:i]
		}
		if upstream == release {
			return v, true
		}
	}
	return "", false
}

// NearestSource picks, among the versions of a source package, newest first,
// the one whose upstream release is nearest to a release; of two equally near
// ones the newer.
func NearestSource(versions []string, release string) (string, bool) {
	best, at := "", -1
	want, ok := pointRelease(release)
	if !ok {
		return "", false
	}
	for _, v := range versions {
		upstream := v
		if i := strings.LastIndexByte(v, '-'); i >= 0 {
			upstream = v[:i]
		}
		have, ok := pointRelease(upstream)
		if !ok || have.series != want.series {
			continue
		}
		if d := max(have.number-want.number, want.number-have.number); at < 0 || d < at {
			best, at = v, d
		}
	}
	return best, at >= 0
}

// point is a release of a stable series.
type point struct {
	series string
	number int
}

// pointRelease reads a release like 6.12.101.
func pointRelease(release string) (point, bool) {
	i := strings.LastIndexByte(release, '.')
	if i < 0 || !strings.Contains(release[:i], ".") {
		return point{}, false
	}
	n, err := strconv.Atoi(release[i+1:])
	return point{release[:i], n}, err == nil && n >= 0
}

// Sublevel is the last number of a release like 6.12.101.
func Sublevel(release string) (int, bool) {
	p, ok := pointRelease(release)
	return p.number, ok
}

// ParseRelease reads what a kernel prints as its version and refuses what no
// release looks like.
func ParseRelease(text string) (string, error) {
	release := strings.TrimSpace(text)
	ok := release != "" && len(release) <= 64 && release[0] >= '0' && release[0] <= '9'
	for _, r := range release {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '.', r == '-', r == '+', r == '_', r == '~':
		default:
			ok = false
		}
	}
	if !ok {
		return "", fmt.Errorf("read kernel version: %.80q is none", text)
	}
	return release, nil
}
