// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// Version is a version of Open vSwitch.
type Version struct{ Major, Minor, Patch int }

var versionLine = regexp.MustCompile(`\(Open vSwitch\) ([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})`)

// ParseVersion finds the version in what a program prints with --version.
func ParseVersion(text string) (Version, error) {
	m := versionLine.FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("find the version of Open vSwitch: none in %q", text)
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // at most four digits
	}
	return Version{n[0], n[1], n[2]}, nil
}

// AtLeast tells whether v is a release of major.minor or later.
func (v Version) AtLeast(major, minor int) bool {
	return cmp.Or(cmp.Compare(v.Major, major), cmp.Compare(v.Minor, minor)) >= 0
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }
