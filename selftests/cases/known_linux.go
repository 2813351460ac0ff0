// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests"
)

// Difference is something kernels do differently on purpose: no feature of
// sampling, but near enough to be met by who samples. Every one is a case.
type Difference struct {
	// Name is that of the case, without "known-".
	Name string
	// What differs, in one line.
	What  string
	Since Since
	// Patched tells that dpscope's patches bring the change to older kernels.
	Patched bool
	// Needs is what it takes to see it.
	Needs []selftests.Feature
	// Looks are ways to see it. On one kernel all must fall on one side.
	Looks []Look
	// Why dpscope's patches leave it as it is on the older kernel, or bring it.
	Why string
}

// Look is one way to see a difference.
type Look struct {
	How    string `json:"how"`    // what is done
	Before string `json:"before"` // what comes of it
	After  string `json:"after"`
	see    func(t *selftests.T, b bridge) string
}

// KnownDifferences are all there are between the kernels with the features of
// sampling. Dangerous ones are not among them: a trunc before userspace in a
// packet still to be segmented, and nests that outgrow 64 kB, harm kernels
// that lack the fixes.
var KnownDifferences = []Difference{
	{
		Name: "drop-action", What: "the explicit drop, action 24", Since: Since{Mainline: Release{6, 6}},
		Looks: []Look{{"a flow with action 24", "EINVAL", "taken", seeDropAction}},
		Why:   "it came with drop reasons; the patches only keep its number",
	},
	{
		Name: "drop-reasons", What: "why the datapath drops a packet, in the tracepoint kfree_skb", Since: Since{Mainline: Release{6, 6}},
		Needs: []selftests.Feature{Tracepoints},
		Looks: []Look{
			{"a packet for a flow without actions", "no reason", "reason 1", seeLastActionDrop},
			{"a packet for a flow with action 24", "EINVAL", "reason 3", seeExplicitDrop},
		},
		Why: "it takes a change of the kernel proper; psample as the last action frees the packet as one that was used, on all kernels",
	},
	{
		Name: "hash-symmetric", What: "symmetric hashing, hash algorithm 1", Since: Since{Mainline: Release{6, 5}},
		Looks: []Look{{"a flow with hash(sym_l4)", "EINVAL", "taken", seeSymmetricHash}},
		Why:   "it has nothing to do with sampling",
	},
	{
		Name: "userspace-strict", What: "attributes of the userspace action that the kernel does not know", Since: Since{Mainline: Release{6, 16}},
		Looks: []Look{{"a flow with userspace() and an attribute 9 in it", "taken", "EINVAL", seeUnknownUserspace}},
		Why:   "the older kernels' own leniency; psample's attributes are checked strictly on all",
	},
	{
		Name: "upcall-pid", What: "the receiver of upcalls from injected packets, OVS_PACKET_ATTR_UPCALL_PID", Since: Since{Mainline: Release{6, 17}},
		Looks: []Look{{"a packet injected with it and a userspace action", "to the action's receiver", "to the packet's receiver", seeUpcallPID}},
		Why:   "samples have no receiver",
	},
	{
		Name: "upcall-stats", What: "counters of a port's upcalls, OVS_VPORT_ATTR_UPCALL_STATS", Since: Since{Mainline: Release{6, 2}},
		Looks: []Look{{"a port's attributes", "absent", "there", seeUpcallStats}},
		Why:   "samples are no upcalls; psample has counters of its own in the listener's socket",
	},
	{
		Name: "trunc", What: "whether a trunc is kept as bytes to cut off or as bytes to leave",
		// The mainline release is one that has it for sure.
		Since: Since{Mainline: Release{7, 2}, Stable: []Release{{6, 1, 183}, {6, 12, 101}}}, Patched: true,
		Looks: []Look{
			{"trunc(20),trunc(9000),output of 100 bytes", "20 bytes", "100 bytes", seeTwoTruncs},
			{"trunc(50),push_vlan,push_vlan,output of 100 bytes", "54 bytes", "50 bytes", seeTruncPush},
			{"trunc(50),pop_vlan,output of 108 bytes with two tags", "46 bytes", "50 bytes", seeTruncPop},
			{"trunc(20),userspace of 104 bytes with a tag", "24 bytes", "20 bytes", seeTruncTagUpcall},
		},
		Why: "a fix that the patches bring to 6.1 kernels without it",
	},
	{
		Name: "port-altname", What: "ports by a device's alternative name", Since: Since{Mainline: Release{6, 10}},
		Looks: []Look{{"a port named by an alternative name of its device", "taken", "ENODEV", seeAltNamePort}},
		Why:   "it has nothing to do with sampling",
	},
}

// Releases lists the kernels with the change.
func (d Difference) Releases() string {
	if d.Patched {
		return d.Since.String() + ", or 6.1 with dpscope's patches"
	}
	return d.Since.String()
}

// knownCases makes a case of each difference.
func knownCases() []selftests.Case {
	var out []selftests.Case
	for _, d := range KnownDifferences {
		out = append(out, selftests.Case{
			Name: "known-" + d.Name, Needs: append([]selftests.Feature{OpenVSwitch}, d.Needs...), MayNeed: []selftests.Feature{PsampleAction},
			Doc: fmt.Sprintf("known difference, since Linux %s: %s", d.Releases(), d.What),
			Run: d.check,
		})
	}
	return out
}

// check looks at the running kernel and holds what it does against its release.
func (d Difference) check(t *selftests.T) {
	release, err := kernelRelease()
	t.Must(err)
	b := newBridge(t)
	after := map[bool]int{}
	for _, l := range d.Looks {
		got := l.see(t, b)
		t.Logf("%s: %s", l.How, got)
		switch got {
		case l.Before:
			after[false]++
		case l.After:
			after[true]++
		default:
			t.Errorf("%s: %s, want %q or, since Linux %s, %q", l.How, got, l.Before, d.Releases(), l.After)
		}
	}
	if after[false] > 0 && after[true] > 0 {
		t.Errorf("%d of %d ways to look at it say that this kernel has the change", after[true], len(d.Looks))
	}
	has, known := d.Since.has(release)
	if d.Patched && release.Before(actionSince) && t.Has(PsampleAction) {
		has, known = true, true
	}
	if known && after[!has] > 0 {
		t.Errorf("Linux %s does what kernels do %s Linux %s", release, map[bool]string{true: "before", false: "since"}[has], d.Since)
	}
}

// actionSince is the first release with the psample action: what has it before
// has dpscope's patches.
var actionSince = Release{6, 11}

// kernelRelease is that of the running kernel.
func kernelRelease() (Release, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return Release{}, fmt.Errorf("ask for the kernel release: %w", err)
	}
	return parseRelease(unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]))
}
