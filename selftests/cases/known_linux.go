// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Difference is something kernels do differently on purpose: not a feature of
// sampling, but near enough to be met by its tests.
type Difference struct {
	Name   string
	Action odp.Raw
	// Since is the first release that takes the action; older ones refuse it
	// with Before, also when they have the psample action from dpscope's
	// patches.
	Since  Release
	Before unix.Errno
	Why    string
}

// KnownDifferences are all there are.
var KnownDifferences = []Difference{
	{
		Name:   "drop (action 24)",
		Action: odp.Raw{Type: uapi.OVS_ACTION_ATTR_DROP, Data: []byte{0, 0, 0, 0}},
		Since:  Release{6, 6}, Before: unix.EINVAL,
		Why: "the explicit drop came with drop reasons in Linux 6.6; dpscope's patches only keep its number",
	},
}

// want is the error a release gives.
func (d Difference) want(r Release) error {
	if r.Before(d.Since) {
		return d.Before
	}
	return nil
}

// Release is a kernel release: major and minor number.
type Release [2]int

// Before compares releases.
func (r Release) Before(o Release) bool { return r[0] < o[0] || r[0] == o[0] && r[1] < o[1] }

// kernelRelease is that of the running kernel.
func kernelRelease() (Release, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return Release{}, fmt.Errorf("ask for the kernel release: %w", err)
	}
	return parseRelease(unix.ByteSliceToString(u.Release[:]))
}

func parseRelease(s string) (Release, error) {
	var r Release
	if _, err := fmt.Sscanf(s, "%d.%d", &r[0], &r[1]); err != nil {
		return r, fmt.Errorf("kernel release %q: %w", s, err)
	}
	return r, nil
}
