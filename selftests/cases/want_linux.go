// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// always is the probability of a packet that no sample action let through by
// chance.
const always = math.MaxUint32

// want is what a sample must say, exactly.
type want struct {
	group, seq, rate uint32
	probability      bool   // the rate is one
	iif, oif         uint32 // 0: the attribute must be absent
	orig             int
	data             []byte
	cookie           []byte // nil: the attribute must be absent
	tunnel           bool
}

// check compares a sample with what it must say and fails the case on every
// difference.
func (w want) check(t *selftests.T, what string, s topo.Sample) {
	bad := func(format string, args ...any) { t.Errorf("%s: %s", what, fmt.Sprintf(format, args...)) }
	if s.Group != w.group {
		bad("group %d, want %d", s.Group, w.group)
	}
	if s.Seq != w.seq {
		bad("sequence number %d, want %d", s.Seq, w.seq)
	}
	if s.Rate != w.rate {
		bad("rate %d, want %d", s.Rate, w.rate)
	}
	if s.RateIsProbability != w.probability {
		bad("the rate is marked as a probability: %v, want %v", s.RateIsProbability, w.probability)
	}
	if s.IIfIndex != w.iif {
		bad("incoming interface %d, want %d", s.IIfIndex, w.iif)
	}
	if s.OIfIndex != w.oif {
		bad("outgoing interface %d, want %d", s.OIfIndex, w.oif)
	}
	if s.OrigSize != uint32(w.orig) {
		bad("original size %d, want %d", s.OrigSize, w.orig)
	}
	if s.Proto != topo.EtherTypeIPv4 {
		bad("protocol %#x, want %#x", s.Proto, topo.EtherTypeIPv4)
	}
	if !bytes.Equal(s.Data, w.data) {
		bad("data of %d bytes, want %d\n got %x\nwant %x", len(s.Data), len(w.data), s.Data, w.data)
	}
	if !bytes.Equal(s.Cookie, w.cookie) {
		bad("cookie %x, want %x", s.Cookie, w.cookie)
	}
	if age := time.Since(time.Unix(0, int64(s.Timestamp))).Abs(); age > time.Minute {
		bad("timestamp %d is %v from now", s.Timestamp, age)
	}
	w.checkPresence(t, what, s)
}

// checkPresence compares which attributes a sample carries; a zero that is
// there and an attribute that is not are different things.
func (w want) checkPresence(t *selftests.T, what string, s topo.Sample) {
	for attr, present := range map[uint16]bool{
		uapi.PSAMPLE_ATTR_IIFINDEX:           w.iif != 0,
		uapi.PSAMPLE_ATTR_OIFINDEX:           w.oif != 0,
		uapi.PSAMPLE_ATTR_ORIGSIZE:           true,
		uapi.PSAMPLE_ATTR_SAMPLE_GROUP:       true,
		uapi.PSAMPLE_ATTR_GROUP_SEQ:          true,
		uapi.PSAMPLE_ATTR_SAMPLE_RATE:        true,
		uapi.PSAMPLE_ATTR_DATA:               len(w.data) > 0,
		uapi.PSAMPLE_ATTR_GROUP_REFCOUNT:     false,
		uapi.PSAMPLE_ATTR_TUNNEL:             w.tunnel,
		uapi.PSAMPLE_ATTR_OUT_TC:             false,
		uapi.PSAMPLE_ATTR_OUT_TC_OCC:         false,
		uapi.PSAMPLE_ATTR_LATENCY:            false,
		uapi.PSAMPLE_ATTR_TIMESTAMP:          true,
		uapi.PSAMPLE_ATTR_PROTO:              true,
		uapi.PSAMPLE_ATTR_USER_COOKIE:        w.cookie != nil,
		uapi.PSAMPLE_ATTR_SAMPLE_PROBABILITY: w.probability,
	} {
		if got := s.Has(attr); got != present {
			t.Errorf("%s: attribute %d present: %v, want %v", what, attr, got, present)
		}
	}
}

// checkAll compares a run of samples, which count up from w.seq unless they
// come from Open vSwitch, where the sequence number is always 0.
func (w want) checkAll(t *selftests.T, what string, samples []topo.Sample, counts bool) {
	first := w.seq
	for i, s := range samples {
		if counts {
			w.seq = first + uint32(i)
		}
		w.check(t, fmt.Sprintf("%s, sample %d", what, i+1), s)
		if t.Failed() {
			return // the first difference says it all
		}
	}
}

// sigmas is how far a count may lie from its expectation: by chance alone a
// correct kernel exceeds it twice in a thousand million runs.
const sigmas = 6

// checkShare tests that k of n independent draws of probability p are
// plausible.
func checkShare(t *selftests.T, what string, k, n int, p float64) {
	mean := float64(n) * p
	limit := sigmas * math.Sqrt(float64(n)*p*(1-p))
	t.Logf("%s: %d of %d, expected %.0f +- %.0f", what, k, n, mean, limit)
	if math.Abs(float64(k)-mean) > limit {
		t.Errorf("%s: %d of %d, which is more than %d sigma (%.0f) from the expected %.0f", what, k, n, sigmas, limit, mean)
	}
}
