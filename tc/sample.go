// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/nl/uapi"
)

// How filters made by this package are known; see the package comment.
const (
	// HandleBase is the handle of a filter made by this package.
	HandleBase uint32 = 0xd5c00000
	// HandleOwnsClsact is set in the handle of filters on a clsact that this
	// package created.
	HandleOwnsClsact uint32 = 1

	// PrefFirst and PrefLast bound the preferences AddSample chooses from: the
	// lowest free one. They come before the ones the kernel hands out by itself
	// (0xc000 downwards), so such filters cannot hide packets from a sample.
	PrefFirst uint16 = 0x0d50
	PrefLast  uint16 = 0x0e4f
)

// MaxTrunc is the largest packet size psample can report: its attribute length
// is 16 bits wide (PSAMPLE_MAX_PACKET_SIZE, net/psample/psample.c).
const MaxTrunc = 0xffff

// Direction is the side of a device as the kernel sees it: ingress is what the
// device receives. The zero value is Ingress.
type Direction uint8

// The two sides of a device.
const (
	Ingress Direction = iota
	Egress
)

// String is "ingress" or "egress".
func (d Direction) String() string {
	switch d {
	case Ingress:
		return "ingress"
	case Egress:
		return "egress"
	default:
		return fmt.Sprintf("direction %d", uint8(d))
	}
}

// MarshalText is String for a valid direction.
func (d Direction) MarshalText() ([]byte, error) {
	if d != Ingress && d != Egress {
		return nil, fmt.Errorf("direction %d: neither ingress nor egress", uint8(d))
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads "ingress" or "egress".
func (d *Direction) UnmarshalText(b []byte) error {
	switch string(b) {
	case "ingress":
		*d = Ingress
	case "egress":
		*d = Egress
	default:
		return fmt.Errorf("direction %q: neither ingress nor egress", b)
	}
	return nil
}

// parent is the handle filters of this side hang on (tcm_parent).
func (d Direction) parent() uint32 {
	if d == Egress {
		return uapi.TC_H_CLSACT&uapi.TC_H_MAJ_MASK | uapi.TC_H_MIN_EGRESS
	}
	return uapi.TC_H_CLSACT&uapi.TC_H_MAJ_MASK | uapi.TC_H_MIN_INGRESS
}

// Handle is a filter handle; it reads and writes as 0x and eight digits.
type Handle uint32

// MarshalText writes 0x and eight hexadecimal digits.
func (h Handle) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "0x%08x", uint32(h)), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Handle) UnmarshalText(b []byte) error {
	if _, err := fmt.Sscanf(string(b), "0x%x", (*uint32)(h)); err != nil {
		return fmt.Errorf("handle %q: not 0x and hexadecimal digits", b)
	}
	return nil
}

// SampleFilter is one sample action on one side of a device.
type SampleFilter struct {
	// Dev is the device's name, IfIndex its index. AddSample and DelSample
	// need one of them; with both, the index decides.
	Dev       string    `json:"dev"`
	IfIndex   uint32    `json:"ifindex"`
	Direction Direction `json:"direction"`

	// Pref orders filters, the lowest first; AddSample chooses one when it is
	// 0. Handle is the kernel's name for the filter within its preference and
	// is set by AddSample.
	Pref   uint16 `json:"pref"`
	Handle Handle `json:"handle"`
	Chain  uint32 `json:"chain"` // 0 unless somebody else's filter
	// Block is the shared filter block the filter is in, 0 for the device's
	// own. Filters in blocks are listed with every device that uses the block.
	Block uint32 `json:"block"`

	Rate  uint32 `json:"rate"`  // one packet in Rate
	Group uint32 `json:"group"` // psample group

	// Trunc is how many bytes of a packet a sample carries at most; 0 for all
	// (a foreign filter that keeps none has Truncated set and Trunc 0).
	Trunc     uint32 `json:"trunc_size"`
	Truncated bool   `json:"truncated"`

	// Cookie is the action's cookie, 1 to 16 bytes, nil for none. Kernels
	// before 6.11 without dpscope's patches keep it on the action but do not
	// put it into samples: callers that need it there probe first.
	Cookie hexstr.Bytes `json:"cookie,omitempty"`

	// The following is filled by reading.

	ActionIndex   uint32 `json:"action_index"`
	ControlAction string `json:"control_action"` // what follows the action: "continue" for ours
	Owned         bool   `json:"owned"`          // made by this package

	// Stats counts every packet that reached the action, sampled or not.
	Stats

	// Unknown holds attributes of filter and action this package has no field
	// for.
	Unknown []Unknown `json:"unknown,omitempty"`
}

// Validate tells whether AddSample would send the filter to the kernel.
func (f SampleFilter) Validate() error {
	switch {
	case f.Dev == "" && f.IfIndex == 0:
		return errors.New("no device given")
	case f.Direction != Ingress && f.Direction != Egress:
		return fmt.Errorf("%s: neither ingress nor egress", f.Direction)
	case f.Rate == 0:
		return errors.New("rate 0: the rate is one packet in N, N at least 1")
	case f.Trunc > MaxTrunc:
		return fmt.Errorf("trunc %d: a sample holds at most %d bytes", f.Trunc, MaxTrunc)
	case len(f.Cookie) > uapi.TC_COOKIE_MAX_SIZE:
		return fmt.Errorf("cookie %s: %d bytes, an action cookie holds at most %d", f.Cookie, len(f.Cookie), uapi.TC_COOKIE_MAX_SIZE)
	}
	return nil
}

// name is what error texts call the place of the filter.
func (f SampleFilter) name() string {
	dev := f.Dev
	if dev == "" {
		dev = fmt.Sprintf("ifindex %d", f.IfIndex)
	}
	return dev + " " + f.Direction.String()
}

// ownHandle tells whether a filter handle is one AddSample gives.
func ownHandle(h uint32) bool { return h&^HandleOwnsClsact == HandleBase }

// samplesOf turns what the dump of one side of a device says about one filter
// into the sample actions of a matchall filter: none for any other filter, more
// than one only where somebody else stacked them.
func samplesOf(f Filter, l link, d Direction) []SampleFilter {
	if f.Kind != kindMatchall {
		return nil
	}
	block := uint32(0)
	if f.IfIndex == uapi.TCM_IFINDEX_MAGIC_BLOCK {
		block = f.Parent
	}
	var out []SampleFilter
	for _, a := range f.Actions {
		if a.Sample == nil {
			continue
		}
		out = append(out, SampleFilter{
			Dev: l.name, IfIndex: l.index, Direction: d,
			Pref: f.Pref, Handle: Handle(f.Handle), Chain: f.Chain, Block: block,
			Rate: a.Sample.Rate, Group: a.Sample.Group,
			Trunc: a.Sample.Trunc, Truncated: a.Sample.Truncated,
			Cookie:      a.Cookie,
			ActionIndex: a.Index, ControlAction: a.Sample.Control.String(),
			Owned:   len(f.Actions) == 1 && ownHandle(f.Handle) && f.Chain == 0 && block == 0,
			Stats:   a.Stats,
			Unknown: slices.Concat(f.Unknown, a.Unknown),
		})
	}
	return out
}

// link is a network device.
type link struct {
	index uint32
	name  string
}
