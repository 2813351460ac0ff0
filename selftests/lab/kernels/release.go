// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"fmt"
	"strconv"
	"strings"
)

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
