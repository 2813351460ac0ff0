// SPDX-License-Identifier: Apache-2.0

// Package conntrack shows and deletes tracked connections in the words of Open
// vSwitch's ovs-dpctl. The netlink side is github.com/ti-mo/conntrack.
package conntrack

import (
	"fmt"
	"net/netip"
	"slices"

	ct "github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/internal/hexstr"
)

// Entry is a tracked connection.
type Entry struct {
	Protocol uint8 `json:"protocol"` // IPPROTO_*
	Orig     Tuple `json:"orig"`
	Reply    Tuple `json:"reply"`
	// Master is the connection that expected this one; nil without.
	Master  *Tuple       `json:"master,omitempty"`
	ID      uint32       `json:"id"`
	Zone    uint16       `json:"zone"`
	Status  Status       `json:"status"`
	Timeout uint32       `json:"timeout"` // seconds left
	Mark    uint32       `json:"mark"`
	Labels  hexstr.Bytes `json:"labels"` // 16 bytes, most significant first
	TCP     *TCP         `json:"tcp,omitempty"`
	Helper  string       `json:"helper,omitempty"`
}

// Tuple is one direction of a connection.
type Tuple struct {
	Src netip.Addr `json:"src"`
	Dst netip.Addr `json:"dst"`

	SrcPort *uint16 `json:"sport,omitempty"`
	DstPort *uint16 `json:"dport,omitempty"`
	ICMP    *ICMP   `json:"icmp,omitempty"`

	// Counters are nil unless the kernel counts (nf_conntrack_acct).
	Counters *Counters `json:"counters,omitempty"`
}

// ICMP is what tells ICMP connections apart.
type ICMP struct {
	ID   uint16 `json:"id"`
	Type uint8  `json:"type"`
	Code uint8  `json:"code"`
}

// Counters of one direction.
type Counters struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// TCP is the state of a TCP connection.
type TCP struct {
	State      TCPState `json:"state"`
	ScaleOrig  uint8    `json:"wscale_orig"`
	ScaleReply uint8    `json:"wscale_reply"`
	FlagsOrig  uint16   `json:"flags_orig"` // IP_CT_TCP_FLAG_*
	FlagsReply uint16   `json:"flags_reply"`
}

// labelsLen is the length of connection labels.
const labelsLen = 16

func newEntry(f ct.Flow) Entry {
	e := Entry{
		Protocol: f.TupleOrig.Proto.Protocol,
		Orig:     newTuple(f.TupleOrig, f.CountersOrig), Reply: newTuple(f.TupleReply, f.CountersReply),
		ID: f.ID, Zone: f.Zone, Status: Status(f.Status), Timeout: f.Timeout, Mark: f.Mark, Helper: f.Helper.Name,
	}
	// In the kernel's memory the least significant comes first.
	e.Labels = make(hexstr.Bytes, labelsLen)
	copy(e.Labels, f.Labels)
	slices.Reverse(e.Labels)
	if f.TupleMaster.IP.SourceAddress.IsValid() {
		e.Master = new(newTuple(f.TupleMaster, ct.Counter{}))
	}
	if p := f.ProtoInfo.TCP; p != nil {
		e.TCP = &TCP{
			State: TCPState(p.State), ScaleOrig: p.OriginalWindowScale, ScaleReply: p.ReplyWindowScale,
			// struct nf_ct_tcp_flags, of which the second byte is a mask; the
			// library takes both for one number.
			FlagsOrig: p.OriginalFlags >> 8, FlagsReply: p.ReplyFlags >> 8,
		}
	}
	return e
}

func newTuple(t ct.Tuple, c ct.Counter) Tuple {
	out := Tuple{Src: t.IP.SourceAddress, Dst: t.IP.DestinationAddress}
	switch p := t.Proto; p.Protocol {
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		out.ICMP = &ICMP{p.ICMPID, p.ICMPType, p.ICMPCode}
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP, unix.IPPROTO_UDPLITE:
		out.SrcPort, out.DstPort = new(p.SourcePort), new(p.DestinationPort)
	}
	if c.Packets != 0 || c.Bytes != 0 {
		out.Counters = &Counters{c.Packets, c.Bytes}
	}
	return out
}

// TCPState is an enum tcp_conntrack, linux/netfilter/nf_conntrack_tcp.h.
type TCPState uint8

// tcpStates are the states in the words of Open vSwitch.
var tcpStates = [...]string{
	"CLOSED", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT_1", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSING", "SYN_SENT",
}

const (
	tcpSynRecv     TCPState = 2
	tcpEstablished TCPState = 3
)

// TCPStates are the names of all states, in the order statistics have.
func TCPStates() []string {
	return []string{
		"CLOSED", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT_1", "CLOSING", "LAST_ACK", "TIME_WAIT",
	}
}

// String names the state.
func (s TCPState) String() string {
	if int(s) < len(tcpStates) {
		return tcpStates[s]
	}
	return fmt.Sprintf("%d", uint8(s))
}

// MarshalText writes the name, so that JSON shows it.
func (s TCPState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// brief is the state as it is shown without details: a connection that is about
// to be established counts as established.
func (s TCPState) brief() TCPState {
	if s == tcpSynRecv {
		return tcpEstablished
	}
	return s
}

// Status are the IPS_* bits, linux/netfilter/nf_conntrack_common.h.
type Status uint32

var statusBits = []string{
	"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST",
	"SRC_NAT_DONE", "DST_NAT_DONE", "DYING", "FIXED_TIMEOUT", "TEMPLATE", "UNTRACKED", "HELPER", "OFFLOAD", "HW_OFFLOAD",
}

// tcpFlagBits are the IP_CT_TCP_FLAG_*.
var tcpFlagBits = []string{
	"WINDOW_SCALE", "SACK_PERM", "CLOSE_INIT", "BE_LIBERAL", "DATA_UNACKNOWLEDGED", "MAXACK_SET", "CHALLENGE_ACK", "SIMULTANEOUS_OPEN",
}
