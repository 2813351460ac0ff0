// SPDX-License-Identifier: Apache-2.0

package text_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/psample/cookie"
	"github.com/dpscope/dpscope/psample/export/text"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

var frame = unhex("0a0b0c0d0e0f" + "020304050607" + "0800" +
	"4500002100010000401166c70a0000010a000002" + "04d2" + "0035" + "000d" + "0000" + "68656c6c6f")

func has(s *psample.Sample, attrs ...uint16) *psample.Sample {
	for _, a := range attrs {
		s.SetHas(a, true)
	}
	return s
}

func names(index uint32, _ bool) (string, bool) {
	switch index {
	case 3:
		return "veth0", true
	case 4:
		return "e\x1b[31m\\\n\xff", true
	}
	return "", false
}

func encoder(d cookie.Decoder) *text.Encoder {
	return text.New(text.Options{IfName: names, Cookie: d, Location: time.UTC, Now: func() time.Time { return time.Unix(1700000001, 5000) }})
}

func TestSample(t *testing.T) {
	full := has(&psample.Sample{
		Group: 5, Seq: 42, Rate: 1 << 30, RateIsProbability: true, IIfIndex: 3, OIfIndex: 9, OrigSize: 47, Proto: 0x0800,
		OutTC: 1, OutTCOcc: 2, Latency: 3, Timestamp: 1700000000123456789, Cookie: unhex("0000006400000002"), Data: frame,
		TunnelRaw: nl.AppendAttr(nil, uapi.PSAMPLE_TUNNEL_KEY_ATTR_ID, unhex("0000000000000064")),
		Unknown:   []nl.Attr{{Type: 77}},
	})
	for a := range uint16(uapi.PSAMPLE_ATTR_MAX + 1) {
		full.SetHas(a, true)
	}
	for _, tt := range []struct {
		name   string
		sample *psample.Sample
		cookie cookie.Decoder
		want   string
	}{
		{"everything", full, cookie.Auto, "22:13:20.123456 group 5 seq 42 rate 25% veth0 > #9 cookie 0x0000006400000002 (ovs? obs_domain_id=100 obs_point_id=2)" +
			" 47 bytes tc 1 queued 2 latency 3ns tunnel id 100 unknown-attributes 1: IP 10.0.0.1.1234 > 10.0.0.2.53: UDP, length 5"},
		{"nothing", &psample.Sample{Group: 1}, nil, "- group 1"},
		{"tc", has(&psample.Sample{Group: 1, Rate: 100, OIfIndex: 3}, uapi.PSAMPLE_ATTR_SAMPLE_RATE, uapi.PSAMPLE_ATTR_OIFINDEX), nil,
			"- group 1 rate 1/100 out veth0"},
		{"always", has(&psample.Sample{Rate: math.MaxUint32, RateIsProbability: true}, uapi.PSAMPLE_ATTR_SAMPLE_RATE), nil, "- group 0 rate 100%"},
		{"name that steers terminals", has(&psample.Sample{IIfIndex: 4}, uapi.PSAMPLE_ATTR_IIFINDEX), nil,
			`- group 0 in e\x1b[31m\x5c\x0a\xff`},
		{"another cookie", has(&psample.Sample{Cookie: unhex("c0ffee")}, uapi.PSAMPLE_ATTR_USER_COOKIE), cookie.OVS,
			"- group 0 cookie 0xc0ffee (ovs: an Open vSwitch cookie has 8 bytes, this one has 3)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want+"\n", string(encoder(tt.cookie).AppendSample(nil, tt.sample))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNotice(t *testing.T) {
	for _, tt := range []struct {
		n    psample.Notice
		want string
	}{
		{&psample.LossError{Dropped: 3}, "22:13:21.000005 -- lost 3 samples: receive buffer full\n"},
		{&psample.MalformedError{Err: errors.New("two\nlines")}, `22:13:21.000005 -- malformed message: two\x0alines` + "\n"},
	} {
		if d := cmp.Diff(tt.want, string(encoder(nil).AppendNotice(nil, tt.n))); d != "" {
			t.Error(d)
		}
	}
}

func FuzzOneLine(f *testing.F) {
	f.Add(uint16(0x0800), frame, []byte("cookie"), "veth0")
	f.Add(uint16(0x0806), []byte{1}, []byte("12345678"), "a\nb\u2028c\x7f")
	f.Fuzz(func(t *testing.T, proto uint16, data, user []byte, name string) {
		s := has(&psample.Sample{Proto: proto, Data: data, Cookie: user, IIfIndex: 1, TunnelRaw: user, Timestamp: uint64(proto)},
			uapi.PSAMPLE_ATTR_DATA, uapi.PSAMPLE_ATTR_USER_COOKIE, uapi.PSAMPLE_ATTR_IIFINDEX, uapi.PSAMPLE_ATTR_TUNNEL, uapi.PSAMPLE_ATTR_TIMESTAMP)
		e := text.New(text.Options{Cookie: cookie.Auto, IfName: func(uint32, bool) (string, bool) { return name, true }})
		for _, line := range [][]byte{
			e.AppendSample(nil, s),
			e.AppendNotice(nil, &psample.MalformedError{Err: errors.New(name)}),
		} {
			rest, ok := bytes.CutSuffix(line, []byte("\n"))
			if !ok || !utf8.Valid(rest) || strings.ContainsFunc(string(rest), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q", line)
			}
		}
	})
}
