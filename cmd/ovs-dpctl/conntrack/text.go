// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"bytes"
	"encoding/hex"
	"strconv"

	"golang.org/x/sys/unix"
)

// TextOptions say how much AppendText writes.
type TextOptions struct {
	Verbose bool // ids, status, details of TCP
	Stats   bool // timeouts, counters
}

var protocolNames = map[uint8]string{
	unix.IPPROTO_ICMP: "icmp", unix.IPPROTO_ICMPV6: "icmpv6", unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp",
	unix.IPPROTO_SCTP: "sctp", unix.IPPROTO_UDPLITE: "udplite", unix.IPPROTO_DCCP: "dccp", unix.IPPROTO_IGMP: "igmp",
}

// AppendText writes the entry as Open vSwitch's dump-conntrack does.
func (e Entry) AppendText(b []byte, o TextOptions) []byte {
	if name, ok := protocolNames[e.Protocol]; ok {
		b = append(b, name...)
	} else {
		b = appendDec(b, "", uint64(e.Protocol))
	}
	b = e.Orig.append(append(b, ",orig=("...), o)
	b = e.Reply.append(append(b, "),reply=("...), o)
	b = append(b, ')')
	if o.Verbose {
		b = appendDec(b, ",id=", uint64(e.ID))
	}
	if e.Zone != 0 {
		b = appendDec(b, ",zone=", uint64(e.Zone))
	}
	if o.Verbose {
		b = appendBits(append(b, ",status="...), uint32(e.Status), statusBits)
	}
	if o.Stats {
		b = appendDec(b, ",timeout=", uint64(e.Timeout))
	}
	if e.Mark != 0 {
		b = appendDec(b, ",mark=", uint64(e.Mark))
	}
	if digits := bytes.TrimLeft(hex.AppendEncode(nil, e.Labels), "0"); len(digits) > 0 {
		b = append(append(b, ",labels=0x"...), digits...)
	}
	if e.TCP != nil {
		b = e.TCP.append(b, o)
	}
	if e.Helper != "" {
		b = append(append(b, ",helper="...), e.Helper...)
	}
	if o.Verbose && e.Master != nil {
		b = append(e.Master.append(append(b, ",parent=("...), o), ')')
	}
	return b
}

func (t Tuple) append(b []byte, o TextOptions) []byte {
	b = t.Src.AppendTo(append(b, "src="...))
	b = t.Dst.AppendTo(append(b, ",dst="...))
	if t.ICMP != nil {
		b = appendDec(b, ",id=", uint64(t.ICMP.ID))
		b = appendDec(b, ",type=", uint64(t.ICMP.Type))
		b = appendDec(b, ",code=", uint64(t.ICMP.Code))
	}
	if t.SrcPort != nil && t.DstPort != nil {
		b = appendDec(b, ",sport=", uint64(*t.SrcPort))
		b = appendDec(b, ",dport=", uint64(*t.DstPort))
	}
	if o.Stats && t.Counters != nil {
		b = appendDec(b, ",packets=", t.Counters.Packets)
		b = appendDec(b, ",bytes=", t.Counters.Bytes)
	}
	return b
}

func (t TCP) append(b []byte, o TextOptions) []byte {
	if !o.Verbose {
		return append(append(append(b, ",protoinfo=(state="...), t.State.brief().String()...), ')')
	}
	// Open vSwitch has a state for each direction, the kernel one for both.
	b = append(append(b, ",protoinfo=(state_orig="...), t.State.String()...)
	b = append(append(b, ",state_reply="...), t.State.String()...)
	b = appendDec(b, ",wscale_orig=", uint64(t.ScaleOrig))
	b = appendDec(b, ",wscale_reply=", uint64(t.ScaleReply))
	b = appendBits(append(b, ",flags_orig="...), uint32(t.FlagsOrig), tcpFlagBits)
	b = appendBits(append(b, ",flags_reply="...), uint32(t.FlagsReply), tcpFlagBits)
	return append(b, ')')
}

func appendDec(b []byte, what string, v uint64) []byte {
	return strconv.AppendUint(append(b, what...), v, 10)
}

// appendBits writes the names of bits; those without one as a number.
func appendBits(b []byte, v uint32, names []string) []byte {
	start := len(b)
	for i, name := range names {
		if v&(1<<i) != 0 {
			if len(b) > start {
				b = append(b, '|')
			}
			b = append(b, name...)
			v &^= 1 << i
		}
	}
	if v != 0 {
		if len(b) > start {
			b = append(b, '|')
		}
		b = strconv.AppendUint(append(b, "0x"...), uint64(v), 16)
	}
	return b
}
