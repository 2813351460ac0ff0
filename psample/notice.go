// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"fmt"
	"strings"
)

// Notice is an error that does not end the stream: it stands between two
// samples and says what is missing there. Find it with errors.As.
type Notice interface {
	error
	notice()
}

// LossError tells that samples did not reach the reader. It is placed where
// the loss was noticed, which is after at most what the receive buffer held.
type LossError struct {
	// Dropped is how many samples of all groups the kernel dropped since the
	// last report because the receive buffer was full. The number is exact.
	Dropped uint64
	// TotalDropped is the same since the listener was opened.
	TotalDropped uint64
	// Vanished is how many more sequence numbers of the wanted groups have
	// gone missing since the last report than drops and undecodable messages
	// explain: the kernel could not build or deliver those samples. As a sample
	// may be late, its loss is reported a batch later than it showed, or at the
	// end of the stream.
	Vanished uint64
	// Gaps are the missing sequence numbers per group since the last report,
	// in order of group. What is lost at the end of a burst shows only when
	// the group's next sample comes; Open vSwitch's samples have no sequence.
	Gaps []GroupGap
}

// GroupGap is how many sequence numbers of a group are missing.
type GroupGap struct {
	Group   uint32
	Missing uint64
}

// Error names the numbers and the cause.
func (e *LossError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lost %d samples: receive buffer full", e.Dropped)
	if e.Vanished > 0 {
		b.Reset()
		fmt.Fprintf(&b, "lost %d samples: receive buffer full %d, vanished in the kernel %d", e.Lost(), e.Dropped, e.Vanished)
	}
	for i, g := range e.Gaps {
		sep := ", "
		if i == 0 {
			sep = " (sequence gaps: "
		}
		fmt.Fprintf(&b, "%sgroup %d: %d", sep, g.Group, g.Missing)
	}
	if len(e.Gaps) > 0 {
		b.WriteByte(')')
	}
	return b.String()
}

// Lost is Dropped and Vanished together.
func (e *LossError) Lost() uint64 { return e.Dropped + e.Vanished }

func (*LossError) notice() {}

// MalformedError tells that a message came which is no sample Decode can take.
type MalformedError struct {
	Err error // why
	// Raw is the message as received; it aliases the receive buffer like the
	// slices of a Sample.
	Raw []byte
}

// Error gives the reason.
func (e *MalformedError) Error() string { return "malformed message: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *MalformedError) Unwrap() error { return e.Err }

func (*MalformedError) notice() {}

// ModuleError tells that the psample module was removed from the kernel, with
// the listener's membership in its multicast group, or that it is back and the
// listener has joined again. Samples in between are lost uncounted.
type ModuleError struct {
	Loaded bool // false: gone; true: back, and joined again
}

// Error says which of the two happened.
func (e *ModuleError) Error() string {
	if e.Loaded {
		return "psample module is loaded again: joined its multicast group anew, samples meanwhile were not seen"
	}
	return "psample module was unloaded: no samples until it is back (modprobe psample)"
}

func (*ModuleError) notice() {}

var (
	_ Notice = (*LossError)(nil)
	_ Notice = (*MalformedError)(nil)
	_ Notice = (*ModuleError)(nil)
)
