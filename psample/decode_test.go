// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dpscope/dpscope/nl"
	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl/uapi"
)

func decode(t *testing.T, m *message) *Sample {
	t.Helper()
	var s Sample
	if err := Decode(m.build(), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestDecodeEveryAttribute(t *testing.T) {
	s := decode(t, kernelSample(7, 42).bytes(99|nl.NestedFlag, []byte{1, 2}))
	want := &Sample{
		Group: 7, Seq: 42, Rate: 1 << 30, RateIsProbability: true,
		NarrowIfIndex: true, IIfIndex: 3, OIfIndex: 4,
		OrigSize: 1514, Proto: 0x0800, OutTC: 5, OutTCOcc: 1 << 40, Latency: 250,
		Timestamp: 1700000000123456789,
		Cookie:    unhex("c0ffee"), Data: unhex("0102030405"), TunnelRaw: tunnelNest(),
		Unknown: []nl.Attr{{Type: 99, Nested: true, Data: []byte{1, 2}}},
	}
	if d := cmp.Diff(want, s, cmpopts.IgnoreUnexported(Sample{})); d != "" {
		t.Error(d)
	}
	for a := range uint16(uapi.PSAMPLE_ATTR_MAX + 1) {
		if want := a != uapi.PSAMPLE_ATTR_GROUP_REFCOUNT; s.Has(a) != want {
			t.Errorf("Has(%s) = %v", attrName(a), s.Has(a))
		}
	}
	if got := s.Time(); !got.Equal(time.Unix(1700000000, 123456789)) {
		t.Errorf("time %v", got)
	}
	if !s.Truncated() {
		t.Error("5 of 1514 bytes do not count as truncated")
	}
}

// TestDecodeWire pins the layout on a little-endian machine: a message as Linux
// 6.1 sent it, byte by byte.
func TestDecodeWire(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("recorded on a little-endian machine")
	}
	msg := unhex("58000000" + "1d00" + "0000" + "00000000" + "00000000" + // nlmsghdr
		"00010000" + // genlmsghdr: PSAMPLE_CMD_SAMPLE, version 1
		"0600000003000000" + // IIFINDEX u16 3
		"0800050001000000" + // SAMPLE_RATE 1
		"080002002a000000" + // ORIGSIZE 42
		"0800030005000000" + // SAMPLE_GROUP 5
		"0800040000000000" + // GROUP_SEQ 0
		"0c000d00cd5b0700" + "00000000" + // TIMESTAMP
		"06000e0006080000" + // PROTO ARP
		"06000600abcd0000") // DATA
	var s Sample
	if err := Decode(msg, &s); err != nil {
		t.Fatal(err)
	}
	if s.IIfIndex != 3 || s.Rate != 1 || s.OrigSize != 42 || s.Group != 5 || s.Proto != 0x0806 ||
		s.Timestamp != 482253 || !bytes.Equal(s.Data, []byte{0xab, 0xcd}) || s.Cookie != nil || s.RateIsProbability {
		t.Errorf("decoded %+v", s)
	}
}

func TestDecodeTolerates(t *testing.T) {
	group := func() *message { return new(message).u32(uapi.PSAMPLE_ATTR_SAMPLE_GROUP, 1) }
	t.Run("interface number of 32 bits", func(t *testing.T) {
		s := decode(t, group().u32(uapi.PSAMPLE_ATTR_IIFINDEX, 70000))
		if s.IIfIndex != 70000 || s.NarrowIfIndex {
			t.Errorf("index %d, narrow %v", s.IIfIndex, s.NarrowIfIndex)
		}
	})
	t.Run("empty cookie is not an absent one", func(t *testing.T) {
		s := decode(t, group().bytes(uapi.PSAMPLE_ATTR_USER_COOKIE, nil))
		if s.Cookie == nil || !s.Has(uapi.PSAMPLE_ATTR_USER_COOKIE) {
			t.Error("empty cookie got lost")
		}
		if s := decode(t, group()); s.Cookie != nil || s.Has(uapi.PSAMPLE_ATTR_USER_COOKIE) {
			t.Error("cookie out of nothing")
		}
	})
	t.Run("cookie of any length", func(t *testing.T) {
		long := bytes.Repeat([]byte{7}, 5000)
		if s := decode(t, group().bytes(uapi.PSAMPLE_ATTR_USER_COOKIE, long)); !bytes.Equal(s.Cookie, long) {
			t.Errorf("%d bytes", len(s.Cookie))
		}
	})
	t.Run("last of two counts", func(t *testing.T) {
		if s := decode(t, group().u32(uapi.PSAMPLE_ATTR_SAMPLE_GROUP, 2)); s.Group != 2 {
			t.Errorf("group %d", s.Group)
		}
	})
	t.Run("padding behind the message", func(t *testing.T) {
		var s Sample
		if err := Decode(append(group().build(), 0, 0, 0), &s); err != nil {
			t.Error(err)
		}
	})
	t.Run("nothing of the sample before stays", func(t *testing.T) {
		s := decode(t, kernelSample(1, 1))
		if err := Decode(group().build(), s); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&Sample{Group: 1}, s, cmpopts.IgnoreUnexported(Sample{}), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	cut := func(m []byte, n int) []byte { return m[:n] }
	setLen := func(m []byte, at int, v uint16) []byte {
		binary.NativeEndian.PutUint16(m[at:], v)
		return m
	}
	full := func() []byte { return kernelSample(1, 1).build() }
	for _, tt := range []struct {
		name, want string
		msg        []byte
	}{
		{"empty", "shorter than its headers", nil},
		{"headers only in part", "shorter than its headers", cut(full(), 19)},
		{"shorter than it says", "header says", cut(full(), 60)},
		{"length below headers", "header says", setLen(full(), 0, 8)},
		{"attribute runs over", "does not fit", setLen(full(), attrsAt, 4000)},
		{"attribute shorter than its header", "does not fit", setLen(full(), attrsAt, 3)},
		{"no group", "PSAMPLE_ATTR_SAMPLE_GROUP", new(message).u32(uapi.PSAMPLE_ATTR_GROUP_SEQ, 1).build()},
		{"group of 16 bits", "PSAMPLE_ATTR_SAMPLE_GROUP", new(message).u16(uapi.PSAMPLE_ATTR_SAMPLE_GROUP, 1).build()},
		{"timestamp of 32 bits", "PSAMPLE_ATTR_TIMESTAMP", kernelSample(1, 1).u32(uapi.PSAMPLE_ATTR_TIMESTAMP, 1).build()},
		{"proto of 32 bits", "PSAMPLE_ATTR_PROTO", kernelSample(1, 1).u32(uapi.PSAMPLE_ATTR_PROTO, 1).build()},
		{"interface of 8 bytes", "PSAMPLE_ATTR_IIFINDEX", kernelSample(1, 1).u64(uapi.PSAMPLE_ATTR_IIFINDEX, 1).build()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s Sample
			if err := Decode(tt.msg, &s); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one about %q", err, tt.want)
			}
		})
	}
	t.Run("flood of unknown attributes", func(t *testing.T) {
		m := kernelSample(1, 1)
		for range maxUnknown + 1 {
			m.bytes(1000, nil)
		}
		if err := Decode(m.build(), new(Sample)); err == nil {
			t.Error("taken")
		}
	})
	t.Run("notification of a group", func(t *testing.T) {
		m := kernelSample(1, 1)
		m.cmd = uapi.PSAMPLE_CMD_NEW_GROUP
		if err := Decode(m.build(), new(Sample)); !errors.Is(err, ErrNotSample) {
			t.Errorf("error %v", err)
		}
	})
}

func TestProbability(t *testing.T) {
	for _, tt := range []struct {
		rate uint32
		flag bool
		want float64
	}{
		{1, false, 1},
		{100, false, 0.01},
		{math.MaxUint32, false, 1.0 / math.MaxUint32},
		{math.MaxUint32, true, 1},
		{1 << 31, true, float64(1<<31) / math.MaxUint32},
		{0, true, 0},
		{0, false, 0},
		{1, true, 1.0 / math.MaxUint32},
	} {
		s := Sample{Rate: tt.rate, RateIsProbability: tt.flag}
		if got := s.Probability(); got != tt.want {
			t.Errorf("rate %d, flag %v: %v, want %v", tt.rate, tt.flag, got, tt.want)
		}
	}
}

func TestTimeFarAway(t *testing.T) {
	s := Sample{Timestamp: math.MaxUint64}
	if y := s.Time().UTC().Year(); y != 2262 {
		t.Errorf("year %d", y)
	}
	if !(&Sample{}).Time().IsZero() {
		t.Error("no timestamp gives a time")
	}
}

func TestTunnel(t *testing.T) {
	s := decode(t, kernelSample(1, 1))
	got, err := s.Tunnel()
	if err != nil {
		t.Fatal(err)
	}
	want := Tunnel{
		ID: 100, HasID: true,
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"),
		TTL: 64, TPDst: 4789, Csum: true,
		Unknown: []nl.Attr{{Type: 40, Data: []byte{9}}},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	for _, bad := range [][]byte{
		{1, 2, 3, 4},
		nl.AppendUint32(nil, uapi.PSAMPLE_TUNNEL_KEY_ATTR_ID, 1),
		nl.AppendAttr(nil, uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV4_SRC, make([]byte, 16)),
		nl.AppendAttr(nil, uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV6_DST, make([]byte, 4)),
	} {
		s := Sample{TunnelRaw: bad}
		if _, err := s.Tunnel(); err == nil {
			t.Errorf("%x taken", bad)
		}
	}
}

func TestClone(t *testing.T) {
	msg := kernelSample(1, 2).bytes(50, []byte{1, 2, 3}).bytes(51, nil).build()
	var s Sample
	if err := Decode(msg, &s); err != nil {
		t.Fatal(err)
	}
	c, want := s.Clone(), decode(t, kernelSample(1, 2).bytes(50, []byte{1, 2, 3}).bytes(51, nil))
	clear(msg)
	if d := cmp.Diff(want, c, cmp.AllowUnexported(Sample{})); d != "" {
		t.Errorf("copy changed with the buffer: %s", d)
	}
	if (&Sample{}).Clone().Cookie != nil {
		t.Error("a copy of no cookie is one")
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	msg := kernelSample(1, 1).bytes(50, []byte{1}).build()
	var s Sample
	if n := testing.AllocsPerRun(200, func() {
		if err := Decode(msg, &s); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per message", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(kernelSample(1, 1).build())
	f.Add(new(message).u32(uapi.PSAMPLE_ATTR_SAMPLE_GROUP, 1).bytes(300, []byte{1}).build())
	f.Add([]byte{20, 0, 0, 0})
	f.Fuzz(func(t *testing.T, msg []byte) {
		orig := bytes.Clone(msg)
		var s Sample
		err := Decode(msg, &s)
		if !bytes.Equal(orig, msg) {
			t.Fatal("message was written to")
		}
		if err != nil {
			return
		}
		if p := s.Probability(); p < 0 || p > 1 || math.IsNaN(p) {
			t.Fatalf("probability %v", p)
		}
		_, _ = s.Tunnel()
		if d := cmp.Diff(&s, s.Clone(), cmp.AllowUnexported(Sample{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		// What was decoded says the same when it is written anew.
		var again Sample
		if err := Decode(encode(&s).build(), &again); err != nil {
			t.Fatalf("own encoding refused: %v", err)
		}
		if d := cmp.Diff(&s, &again, cmp.AllowUnexported(Sample{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

// encode writes a sample as the kernel would.
func encode(s *Sample) *message {
	m := &message{}
	ifindex := func(t uint16, v uint32) {
		switch {
		case !s.Has(t):
		case s.NarrowIfIndex && v <= math.MaxUint16:
			m.u16(t, uint16(v))
		default:
			m.u32(t, v)
		}
	}
	ifindex(uapi.PSAMPLE_ATTR_IIFINDEX, s.IIfIndex)
	ifindex(uapi.PSAMPLE_ATTR_OIFINDEX, s.OIfIndex)
	if s.NarrowIfIndex && !narrowOnWire(s) {
		// One came wide, the other narrow twice over: write the flag's cause.
		m.u16(uapi.PSAMPLE_ATTR_IIFINDEX, 0)
		ifindex(uapi.PSAMPLE_ATTR_IIFINDEX, s.IIfIndex)
	}
	for t, v := range map[uint16]uint32{
		uapi.PSAMPLE_ATTR_SAMPLE_RATE: s.Rate, uapi.PSAMPLE_ATTR_ORIGSIZE: s.OrigSize,
		uapi.PSAMPLE_ATTR_SAMPLE_GROUP: s.Group, uapi.PSAMPLE_ATTR_GROUP_SEQ: s.Seq,
	} {
		if s.Has(t) {
			m.u32(t, v)
		}
	}
	for t, v := range map[uint16]uint64{
		uapi.PSAMPLE_ATTR_OUT_TC_OCC: s.OutTCOcc, uapi.PSAMPLE_ATTR_LATENCY: s.Latency, uapi.PSAMPLE_ATTR_TIMESTAMP: s.Timestamp,
	} {
		if s.Has(t) {
			m.u64(t, v)
		}
	}
	for t, v := range map[uint16]uint16{uapi.PSAMPLE_ATTR_OUT_TC: s.OutTC, uapi.PSAMPLE_ATTR_PROTO: s.Proto} {
		if s.Has(t) {
			m.u16(t, v)
		}
	}
	for t, v := range map[uint16][]byte{
		uapi.PSAMPLE_ATTR_DATA: s.Data, uapi.PSAMPLE_ATTR_TUNNEL: s.TunnelRaw, uapi.PSAMPLE_ATTR_USER_COOKIE: s.Cookie,
		uapi.PSAMPLE_ATTR_SAMPLE_PROBABILITY: nil, uapi.PSAMPLE_ATTR_PAD: nil,
	} {
		if s.Has(t) {
			m.bytes(t, v)
		}
	}
	for _, a := range s.Unknown {
		t := a.Type
		if a.Nested {
			t |= nl.NestedFlag
		}
		if a.NetByteOrder {
			t |= nl.NetByteOrderFlag
		}
		m.bytes(t, a.Data)
	}
	return m
}

func narrowOnWire(s *Sample) bool {
	return s.Has(uapi.PSAMPLE_ATTR_IIFINDEX) && s.IIfIndex <= math.MaxUint16 ||
		s.Has(uapi.PSAMPLE_ATTR_OIFINDEX) && s.OIfIndex <= math.MaxUint16
}

func BenchmarkDecode(b *testing.B) {
	msg := kernelSample(1, 1).build()
	b.Run("ours", func(b *testing.B) {
		var s Sample
		b.ReportAllocs()
		for b.Loop() {
			if err := Decode(msg, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
	// What a listener written on the library alone does.
	b.Run("peer=AttributeDecoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ad, err := netlink.NewAttributeDecoder(msg[nlmsgHeaderLen+4:])
			if err != nil {
				b.Fatal(err)
			}
			var s Sample
			for ad.Next() {
				switch ad.Type() {
				case uapi.PSAMPLE_ATTR_SAMPLE_GROUP:
					s.Group = ad.Uint32()
				case uapi.PSAMPLE_ATTR_GROUP_SEQ:
					s.Seq = ad.Uint32()
				case uapi.PSAMPLE_ATTR_SAMPLE_RATE:
					s.Rate = ad.Uint32()
				case uapi.PSAMPLE_ATTR_USER_COOKIE:
					s.Cookie = ad.Bytes()
				case uapi.PSAMPLE_ATTR_DATA:
					s.Data = ad.Bytes()
				}
			}
			if ad.Err() != nil || s.Group != 1 {
				b.Fatal(ad.Err(), s.Group)
			}
		}
	})
}
