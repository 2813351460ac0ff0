// SPDX-License-Identifier: Apache-2.0

// Package suites is the catalogue of the userlands the lab offers: what of a
// Debian suite a guest can have instead of the host's files. It is data only;
// package build makes them.
package suites

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Host is the name that stands for the host's own files.
const Host = "host"

// Suite is one entry of the catalogue.
type Suite struct {
	// Name is what --suite takes: Debian's name for it.
	Name string
	// Moving marks a suite without releases: it may be unusable on any day,
	// which must not fail the others.
	Moving bool
	// Summary says in a few words what it is.
	Summary string
	// without are packages of the common list that the suite lacks, with what
	// takes their place added.
	without, with []string
}

// common are the packages all suites have: Open vSwitch with OVN, the tools
// that go with the network, and what the kernel's own tests want.
var common = []string{
	"openvswitch-switch", "openvswitch-common", "ovn-central", "ovn-host",
	"iproute2", "iputils-ping", "iputils-arping", "tcpdump", "ncat", "conntrack", "nftables", "ethtool",
	"python3", "python3-pyroute2", "python3-yaml", "python3-jsonschema",
	"kmod", "gawk", "bsdextrautils", "procps", "util-linux", "bc", "busybox-static",
}

var catalogue = []Suite{
	// The package is what keeps apt from choosing the one that converts a
	// system that is not merged yet, with all its dependencies.
	{Name: "bookworm", Summary: "Debian 12", with: []string{"usr-is-merged"}},
	{Name: "trixie", Summary: "Debian 13"},
	{Name: "sid", Moving: true, Summary: "Debian's newest: it moves, so it informs"},
}

// All gives the catalogue in its order.
func All() []Suite { return slices.Clone(catalogue) }

// Packages lists what is installed beside the essential packages.
func (s Suite) Packages() []string {
	all := slices.DeleteFunc(slices.Clone(common), func(p string) bool { return slices.Contains(s.without, p) })
	return append(all, s.with...)
}

// ErrUnknown is the cause when a name is not in the catalogue.
var ErrUnknown = errors.New("no such suite")

// Find looks a suite up by name. The host's files are none: ok is false then,
// without an error.
func Find(name string) (s Suite, ok bool, err error) {
	if name == "" || name == Host {
		return Suite{}, false, nil
	}
	names := []string{Host}
	for _, s := range catalogue {
		if s.Name == name {
			return s, true, nil
		}
		names = append(names, s.Name)
	}
	return Suite{}, false, fmt.Errorf("suite %q: %w (there are: %s)", name, ErrUnknown, strings.Join(names, ", "))
}
