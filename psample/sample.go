// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"math"
	"slices"
	"time"

	"github.com/dpscope/dpscope/nl"
)

// Sample is one sampled packet and what the kernel says about it. Integers are
// in host order. A field whose attribute the kernel did not send is zero; Has
// tells that apart from a zero that was sent.
//
// Cookie, Data, TunnelRaw and the Data of Unknown alias the message the sample
// was decoded from.
type Sample struct {
	Group uint32 // PSAMPLE_ATTR_SAMPLE_GROUP
	// Seq is PSAMPLE_ATTR_GROUP_SEQ, one more with each sample of the group.
	// Samples of Open vSwitch always carry 0.
	Seq uint32
	// Rate is PSAMPLE_ATTR_SAMPLE_RATE: one packet in Rate was sampled, or,
	// with RateIsProbability, a probability where 4294967295 means always.
	Rate uint32
	// RateIsProbability is the flag PSAMPLE_ATTR_SAMPLE_PROBABILITY.
	RateIsProbability bool
	// NarrowIfIndex tells that the interface numbers came in 16 bits (all
	// kernels so far): a number above 65535 has lost its upper half.
	NarrowIfIndex bool

	IIfIndex uint32 // PSAMPLE_ATTR_IIFINDEX: interface the packet came in by
	OIfIndex uint32 // PSAMPLE_ATTR_OIFINDEX: interface it goes out by
	OrigSize uint32 // PSAMPLE_ATTR_ORIGSIZE: bytes of the packet before truncation
	Proto    uint16 // PSAMPLE_ATTR_PROTO: EtherType
	OutTC    uint16 // PSAMPLE_ATTR_OUT_TC: egress traffic class

	OutTCOcc  uint64 // PSAMPLE_ATTR_OUT_TC_OCC: bytes queued in that class
	Latency   uint64 // PSAMPLE_ATTR_LATENCY: nanoseconds in the switch
	Timestamp uint64 // PSAMPLE_ATTR_TIMESTAMP: nanoseconds since the epoch, CLOCK_REALTIME

	// Cookie is PSAMPLE_ATTR_USER_COOKIE, of any length; nil when there is
	// none, empty but not nil when the kernel sent an empty one.
	Cookie []byte
	// Data is PSAMPLE_ATTR_DATA: the packet, possibly cut short, from the
	// link-layer header on where the interface has one.
	Data []byte
	// TunnelRaw is the payload of PSAMPLE_ATTR_TUNNEL; see Tunnel.
	TunnelRaw []byte
	// Unknown are the attributes this package has no field for, in the order
	// they came.
	Unknown []nl.Attr

	present uint32
}

// Has tells whether the message had the attribute uapi.PSAMPLE_ATTR_*.
func (s *Sample) Has(attr uint16) bool {
	return attr < 32 && s.present&(1<<attr) != 0
}

// SetHas marks an attribute as sent or not. Decode does it; it is for callers
// who make samples themselves.
func (s *Sample) SetHas(attr uint16, has bool) {
	switch {
	case attr >= 32:
	case has:
		s.present |= 1 << attr
	default:
		s.present &^= 1 << attr
	}
}

// Probability is the chance, 0 to 1, with which a packet like this one was
// sampled: Rate/4294967295 where the kernel reports a probability, 1/Rate
// otherwise. It is 0 when the rate is 0 or was not sent.
//
// Where OVS sample actions are nested it is that of the innermost one alone.
func (s *Sample) Probability() float64 {
	switch {
	case s.RateIsProbability:
		return float64(s.Rate) / math.MaxUint32
	case s.Rate == 0:
		return 0
	default:
		return 1 / float64(s.Rate)
	}
}

// Time is Timestamp as a time, the zero time when there is none. A timestamp
// beyond what 63 bits of nanoseconds hold (the year 2262) is capped.
func (s *Sample) Time() time.Time {
	if s.Timestamp == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(min(s.Timestamp, math.MaxInt64)))
}

// Truncated tells that Data is not the whole packet.
func (s *Sample) Truncated() bool {
	return uint64(s.OrigSize) > uint64(len(s.Data))
}

// Clone copies the sample and everything it refers to.
func (s *Sample) Clone() *Sample {
	c := *s
	size := len(s.Cookie) + len(s.Data) + len(s.TunnelRaw)
	for _, a := range s.Unknown {
		size += len(a.Data)
	}
	arena := make([]byte, 0, size)
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		start := len(arena)
		arena = append(arena, b...)
		return arena[start:len(arena):len(arena)]
	}
	c.Cookie, c.Data, c.TunnelRaw = keep(s.Cookie), keep(s.Data), keep(s.TunnelRaw)
	c.Unknown = slices.Clone(s.Unknown)
	for i := range c.Unknown {
		c.Unknown[i].Data = keep(c.Unknown[i].Data)
	}
	return &c
}
