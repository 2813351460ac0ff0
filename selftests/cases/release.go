// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"cmp"
	"fmt"
	"strings"
)

// Release is a kernel release: major and minor number, and that of the stable
// release.
type Release [3]int

// String is the release as the kernel writes it; without the last number if
// that is 0.
func (r Release) String() string {
	if r[2] == 0 {
		return fmt.Sprintf("%d.%d", r[0], r[1])
	}
	return fmt.Sprintf("%d.%d.%d", r[0], r[1], r[2])
}

// Before compares releases.
func (r Release) Before(o Release) bool {
	return cmp.Or(cmp.Compare(r[0], o[0]), cmp.Compare(r[1], o[1]), cmp.Compare(r[2], o[2])) < 0
}

// sameSeries tells whether both are stable releases of one series.
func (r Release) sameSeries(o Release) bool { return r[0] == o[0] && r[1] == o[1] }

// parseRelease reads uname's release and version. A distribution may have a
// number of its own where the stable release's is ("6.1.0-50-amd64"); Debian
// tells the true one in the version ("#1 SMP Debian 6.1.176-1 (2026-07-04)").
func parseRelease(release, version string) (Release, error) {
	var r Release
	if _, err := fmt.Sscanf(release, "%d.%d", &r[0], &r[1]); err != nil {
		return r, fmt.Errorf("kernel release %q: %w", release, err)
	}
	_, _ = fmt.Sscanf(release, "%d.%d.%d", &r[0], &r[1], &r[2])
	if _, debian, ok := strings.Cut(version, "Debian "); ok {
		var d Release
		if n, _ := fmt.Sscanf(debian, "%d.%d.%d", &d[0], &d[1], &d[2]); n == 3 && d.sameSeries(r) {
			r = d
		}
	}
	return r, nil
}

// Since says which kernels have a change.
type Since struct {
	// Mainline is the first release with it.
	Mainline Release
	// Stable are the first ones of older series that took it over. Others may
	// have done so, too, if there are any at all.
	Stable []Release
}

// String lists the releases.
func (s Since) String() string {
	text := []string{s.Mainline.String()}
	for _, r := range s.Stable {
		text = append(text, r.String())
	}
	return strings.Join(text, ", ")
}

// has tells whether a kernel has the change. known is false where that cannot
// be told from its release: distributions take fixes over, and modules may be
// newer than the kernel they are loaded into.
func (s Since) has(r Release) (has, known bool) {
	if !r.Before(s.Mainline) {
		return true, true
	}
	for _, first := range s.Stable {
		if r.sameSeries(first) && !r.Before(first) {
			return true, true
		}
	}
	return false, len(s.Stable) == 0
}
