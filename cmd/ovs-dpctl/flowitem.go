// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// flowItem is a flow in JSON.
type flowItem struct {
	UFID     odp.UFID    `json:"ufid,omitempty"`
	Match    odp.Match   `json:"match"`
	Packets  uint64      `json:"packets"`
	Bytes    uint64      `json:"bytes"`
	UsedAgo  *uint64     `json:"used_ago_ms,omitempty"` // absent: never
	TCPFlags uint8       `json:"tcp_flags"`
	Actions  odp.Actions `json:"actions"`
	Unknown  []ovs.Attr  `json:"unknown,omitempty"`
}

// newFlowItem is f as JSON shows it; now is the time used_ago_ms counts back
// from.
func newFlowItem(f ovs.Flow, now uint64) flowItem {
	it := flowItem{
		UFID: f.UFID, Match: f.Match, Actions: f.Actions, Unknown: f.Unknown,
		Packets: f.Packets, Bytes: f.Bytes, TCPFlags: f.TCPFlags,
	}
	if ago, ok := usedAgo(f, now); ok {
		it.UsedAgo = &ago
	}
	return it
}

// appendFlow writes a flow as ovs-dpctl always has; now is the time used: counts
// back from.
func appendFlow(b []byte, f ovs.Flow, o odp.TextOptions, now uint64) []byte {
	if o.Verbose && f.UFID != nil {
		b = append(append(append(b, "ufid:"...), f.UFID.String()...), ", "...)
	}
	b = f.Match.AppendText(b, o)
	b = appendFlowStats(append(b, ", "...), f, now)
	if o.Verbose {
		b = append(b, ", dp:ovs"...) // the layer the flow is in; the kernel's tables have no other
	}
	return f.Actions.AppendText(append(b, ", actions:"...), o)
}

// appendFlowStats writes the counters of a flow.
func appendFlowStats(b []byte, f ovs.Flow, now uint64) []byte {
	b = strconv.AppendUint(append(b, "packets:"...), f.Packets, 10)
	b = strconv.AppendUint(append(b, ", bytes:"...), f.Bytes, 10)
	if ago, ok := usedAgo(f, now); ok {
		b = strconv.AppendFloat(append(b, ", used:"...), float64(ago)/1000, 'f', 3, 64)
		b = append(b, 's')
	} else {
		b = append(b, ", used:never"...)
	}
	if f.TCPFlags != 0 {
		b = appendTCPFlags(append(b, ", flags:"...), f.TCPFlags)
	}
	return b
}

// usedAgo is how many milliseconds before now a packet last matched; ok is false
// when none ever did.
func usedAgo(f ovs.Flow, now uint64) (ms uint64, ok bool) {
	// The packet may have come after the clock was read.
	return now - min(now, f.UsedMS), f.UsedMS != 0
}

// monotonicMS reads the clock that Flow.UsedMS is in.
func monotonicMS() (uint64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, &nl.Error{Op: "read the monotonic clock", Err: err}
	}
	return uint64(ts.Nano()) / 1e6, nil
}

// tcpFlagLetters are in the order ovs-dpctl prints them; the bits are those of
// a TCP header.
var tcpFlagLetters = []struct {
	bit    uint8
	letter byte
}{{0x02, 'S'}, {0x01, 'F'}, {0x08, 'P'}, {0x04, 'R'}, {0x20, 'U'}, {0x10, '.'}, {0x40, 'E'}, {0x80, 'C'}}

// appendTCPFlags writes the flags seen on a flow's packets.
func appendTCPFlags(b []byte, flags uint8) []byte {
	for _, f := range tcpFlagLetters {
		if flags&f.bit != 0 {
			b = append(b, f.letter)
		}
	}
	return b
}
