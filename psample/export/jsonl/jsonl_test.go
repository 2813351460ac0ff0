// SPDX-License-Identifier: Apache-2.0

package jsonl_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/psample/cookie"
	"github.com/dpscope/dpscope/psample/export/jsonl"
)

const udp = "0a0b0c0d0e0f" + "020304050607" + "8100" + "0064" + "0800" + // Ethernet, VLAN 100
	"4500002100010000401166c70a0000010a000002" + // IPv4
	"04d2" + "0035" + "000d" + "0000" + "68656c6c6f" // UDP 1234 > 53

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// has marks attributes as sent.
func has(s *psample.Sample, attrs ...uint16) *psample.Sample {
	for _, a := range attrs {
		s.SetHas(a, true)
	}
	return s
}

func fullSample() *psample.Sample {
	s := &psample.Sample{
		Group: 5, Seq: 42, Rate: math.MaxUint32, RateIsProbability: true, NarrowIfIndex: true,
		IIfIndex: 3, OIfIndex: 4, OrigSize: 51, Proto: 0x8100, OutTC: 2, OutTCOcc: 1 << 60, Latency: 9,
		Timestamp: 1700000000000000120,
		Cookie:    unhex("0000006400000002"), Data: unhex(udp),
		TunnelRaw: nl.AppendAttr(nl.AppendAttr(nil, uapi.PSAMPLE_TUNNEL_KEY_ATTR_ID, unhex("0000000000000064")),
			uapi.PSAMPLE_TUNNEL_KEY_ATTR_GENEVE_OPTS, []byte{1, 2, 3, 4}),
		Unknown: []nl.Attr{{Type: 77, Data: []byte{0xff}}},
	}
	for a := range uint16(uapi.PSAMPLE_ATTR_MAX + 1) {
		s.SetHas(a, true)
	}
	return s
}

func names(index uint32, _ bool) (string, bool) {
	switch index {
	case 3:
		return "veth0", true
	case 4:
		return "we\"ird\\\x01\xff\u009b\u00e9", true
	}
	return "", false
}

func clock() time.Time { return time.Unix(1700000001, 5) }

func encoder(d cookie.Decoder) *jsonl.Encoder {
	return jsonl.New(jsonl.Options{IfName: names, Cookie: d, Now: clock})
}

// tenant is a decoder whose field is a text.
type tenant struct{}

func (tenant) Name() string { return "tenant" }

func (tenant) Decode(raw []byte, d *cookie.Decoded) bool {
	*d = cookie.Decoded{Decoder: "tenant", Fields: append(d.Fields[:0], cookie.Field{Name: "name", Text: string(raw), IsText: true})}
	return true
}

// TestEmptyTextIsText: the type of a field must not depend on its value.
func TestEmptyTextIsText(t *testing.T) {
	for _, name := range []string{"", "a"} {
		s := has(&psample.Sample{Cookie: []byte(name)}, uapi.PSAMPLE_ATTR_USER_COOKIE)
		got := string(encoder(tenant{}).AppendSample(nil, s))
		if want := `"cookie_decoded":{"decoder":"tenant","guess":false,"name":"` + name + `"}`; !strings.Contains(got, want) {
			t.Errorf("%s has no %s", got, want)
		}
	}
}

func TestSampleGolden(t *testing.T) {
	for _, tt := range []struct {
		name   string
		sample *psample.Sample
		cookie cookie.Decoder
		want   string
	}{
		{"everything", fullSample(), cookie.OVS, `{"type":"sample","v":1,"group":5,"seq":42,"rate":4294967295,"rate_is_probability":true,"probability":1,` +
			`"iifindex":3,"iif":"veth0","oifindex":4,"oif":"we\"ird\\\u0001` + "\ufffd" + `\u009b` + "\u00e9" + `","orig_size":51,"proto":33024,` +
			`"timestamp":"2023-11-14T22:13:20.000000120Z","out_tc":2,"out_tc_occ":1152921504606846976,"latency":9,` +
			`"tunnel":{"id":"0x64","tos":0,"ttl":0,"tp_src":0,"tp_dst":0,"dont_fragment":false,"csum":false,"oam":false,"ipv4_info_bridge":false,"geneve_opts":"01020304"},` +
			`"cookie":"0000006400000002","cookie_decoded":{"decoder":"ovs","guess":false,"obs_domain_id":100,"obs_point_id":2},` +
			`"packet":{"layers":["ethernet","vlan","ipv4","udp"],"eth_src":"02:03:04:05:06:07","eth_dst":"0a:0b:0c:0d:0e:0f","ethertype":2048,"vlan":[100],` +
			`"src":"10.0.0.1","dst":"10.0.0.2","ip_proto":17,"src_port":1234,"dst_port":53,"fragment":false,"truncated":false,"malformed":false,` +
			`"text":"vlan 100, IP 10.0.0.1.1234 > 10.0.0.2.53: UDP, length 5"},"data":"` + udp + `","unknown":[{"type":77,"hex":"ff"}]}`},
		{"nothing", &psample.Sample{Group: 1}, nil,
			`{"type":"sample","v":1,"group":1,"rate_is_probability":false}`},
		{"zeros that were sent", has(&psample.Sample{Cookie: []byte{}, Data: []byte{}}, uapi.PSAMPLE_ATTR_GROUP_SEQ, uapi.PSAMPLE_ATTR_SAMPLE_RATE,
			uapi.PSAMPLE_ATTR_IIFINDEX, uapi.PSAMPLE_ATTR_USER_COOKIE, uapi.PSAMPLE_ATTR_DATA, uapi.PSAMPLE_ATTR_TIMESTAMP), nil,
			`{"type":"sample","v":1,"group":0,"seq":0,"rate":0,"rate_is_probability":false,"iifindex":0,"timestamp":"1970-01-01T00:00:00.000000000Z",` +
				`"cookie":"","packet":{"layers":[],"fragment":false,"truncated":true,"malformed":false,"text":"data, ethertype 0x0000, length 0 [cut short]"},"data":""}`},
		{"guess", has(&psample.Sample{Cookie: unhex("0000000100000002")}, uapi.PSAMPLE_ATTR_USER_COOKIE), cookie.Auto,
			`{"type":"sample","v":1,"group":0,"rate_is_probability":false,"cookie":"0000000100000002","cookie_decoded":{"decoder":"ovs","guess":true,"obs_domain_id":1,"obs_point_id":2}}`},
		{"not what was asked for", has(&psample.Sample{Cookie: unhex("c0ffee")}, uapi.PSAMPLE_ATTR_USER_COOKIE), cookie.OVS,
			`{"type":"sample","v":1,"group":0,"rate_is_probability":false,"cookie":"c0ffee","cookie_decoded":{"decoder":"ovs","guess":false,"problem":"an Open vSwitch cookie has 8 bytes, this one has 3"}}`},
		{"tunnel that cannot be read", has(&psample.Sample{TunnelRaw: []byte{3, 0, 0, 0}}, uapi.PSAMPLE_ATTR_TUNNEL), nil, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := encoder(tt.cookie).AppendSample(nil, tt.sample)
			if tt.want != "" {
				if d := cmp.Diff(tt.want+"\n", string(got)); d != "" {
					t.Error(d)
				}
			}
			validate(t, got)
		})
	}
}

func TestProbabilityIsExact(t *testing.T) {
	for _, tt := range []struct {
		rate uint32
		flag bool
		want string
	}{
		{100, false, `"probability":0.01,`},
		{3, false, `"probability":0.3333333333333333,`},
		{1 << 31, true, `"probability":0.5000000001164153,`},
		{1, true, `"probability":2.3283064370807974e-10,`},
		{0, true, `"probability":0,`},
	} {
		s := has(&psample.Sample{Rate: tt.rate, RateIsProbability: tt.flag, IIfIndex: 1}, uapi.PSAMPLE_ATTR_SAMPLE_RATE, uapi.PSAMPLE_ATTR_IIFINDEX)
		got := encoder(nil).AppendSample(nil, s)
		if !strings.Contains(string(got), tt.want) {
			t.Errorf("rate %d, flag %v: %s", tt.rate, tt.flag, got)
		}
		validate(t, got)
	}
}

func TestNoticeGolden(t *testing.T) {
	for _, tt := range []struct {
		n    psample.Notice
		want string
	}{
		{&psample.LossError{Dropped: 3, TotalDropped: 9, Vanished: 1, Gaps: []psample.GroupGap{{Group: 5, Missing: 2}, {Group: 6, Missing: 7}}},
			`{"type":"loss","v":1,"timestamp":"2023-11-14T22:13:21.000000005Z","lost":4,"dropped":3,"vanished":1,"dropped_total":9,"gaps":[{"group":5,"missing":2},{"group":6,"missing":7}]}`},
		{&psample.LossError{Dropped: 1, TotalDropped: 1},
			`{"type":"loss","v":1,"timestamp":"2023-11-14T22:13:21.000000005Z","lost":1,"dropped":1,"vanished":0,"dropped_total":1,"gaps":[]}`},
		{&psample.MalformedError{Err: errors.New("bad \"thing\""), Raw: []byte{1, 2}},
			`{"type":"malformed","v":1,"timestamp":"2023-11-14T22:13:21.000000005Z","error":"bad \"thing\"","raw":"0102"}`},
		{&psample.ModuleError{}, `{"type":"module","v":1,"timestamp":"2023-11-14T22:13:21.000000005Z","loaded":false}`},
		{&psample.ModuleError{Loaded: true}, `{"type":"module","v":1,"timestamp":"2023-11-14T22:13:21.000000005Z","loaded":true}`},
	} {
		got := encoder(nil).AppendNotice(nil, tt.n)
		if d := cmp.Diff(tt.want+"\n", string(got)); d != "" {
			t.Error(d)
		}
		validate(t, got)
	}
}

// TestReadBack compares what encoding/json reads with the sample.
func TestReadBack(t *testing.T) {
	for n := range 20 {
		data := bytes.Repeat([]byte{0xab}, n)
		s := has(&psample.Sample{Data: data}, uapi.PSAMPLE_ATTR_DATA)
		var rec struct {
			Data string `json:"data"`
		}
		if err := json.Unmarshal(encoder(nil).AppendSample(nil, s), &rec); err != nil || rec.Data != hex.EncodeToString(data) {
			t.Errorf("%d bytes: %q, %v", n, rec.Data, err)
		}
	}
	e := encoder(nil)
	for _, ns := range []uint64{0, 1, 999999999, 1e9, 1700000000123456789, 1700000000999999999, 1700000001000000000, math.MaxUint64} {
		s := has(&psample.Sample{Timestamp: ns}, uapi.PSAMPLE_ATTR_TIMESTAMP)
		var rec struct {
			Timestamp time.Time `json:"timestamp"`
		}
		err := json.Unmarshal(e.AppendSample(nil, s), &rec)
		if want := time.Unix(int64(ns/1e9), int64(ns%1e9)); err != nil || !rec.Timestamp.Equal(want) {
			t.Errorf("%d: %v, want %v (%v)", ns, rec.Timestamp, want, err)
		}
	}
}

func TestAppendsDoesNotReplace(t *testing.T) {
	e := encoder(nil)
	b := e.AppendSample([]byte("before "), fullSample())
	b = e.AppendNotice(b, &psample.ModuleError{})
	if !bytes.HasPrefix(b, []byte(`before {"type":"sample"`)) || bytes.Count(b, []byte("\n")) != 2 {
		t.Errorf("%s", b)
	}
}

func TestDoesNotAllocate(t *testing.T) {
	e := jsonl.New(jsonl.Options{IfName: func(uint32, bool) (string, bool) { return "veth0", true }, Cookie: cookie.Auto})
	s := fullSample()
	s.TunnelRaw = nil
	s.SetHas(uapi.PSAMPLE_ATTR_TUNNEL, false)
	buf := make([]byte, 0, 1<<16)
	e.AppendSample(buf, s) // the cookie's fields grow once
	if n := testing.AllocsPerRun(200, func() { e.AppendSample(buf, s) }); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(uint16(0x0800), unhex(udp), []byte("cookie"), "veth0", []byte{8, 0, 0, 0})
	f.Add(uint16(0x86dd), []byte{0x60}, []byte{1, 2, 3, 4, 5, 6, 7, 8}, "\x00\xff\"", nl.AppendAttr(nil, 8, []byte{1}))
	f.Fuzz(func(t *testing.T, proto uint16, data, user []byte, name string, tunnel []byte) {
		s := has(&psample.Sample{Proto: proto, Data: data, Cookie: user, TunnelRaw: tunnel, IIfIndex: 1, Unknown: []nl.Attr{{Type: proto, Data: user}}},
			uapi.PSAMPLE_ATTR_DATA, uapi.PSAMPLE_ATTR_PROTO, uapi.PSAMPLE_ATTR_USER_COOKIE, uapi.PSAMPLE_ATTR_TUNNEL, uapi.PSAMPLE_ATTR_IIFINDEX)
		e := jsonl.New(jsonl.Options{Cookie: cookie.Auto, IfName: func(uint32, bool) (string, bool) { return name, true }})
		b := e.AppendSample(nil, s)
		b = e.AppendNotice(b, &psample.MalformedError{Err: errors.New(name), Raw: data})
		lines := bytes.SplitAfter(b, []byte("\n"))
		if len(lines) != 3 || len(lines[2]) != 0 {
			t.Fatalf("%d lines: %q", len(lines), b)
		}
		for _, l := range lines[:2] {
			if !json.Valid(l) {
				t.Fatalf("no JSON: %q", l)
			}
			validate(t, l)
		}
	})
}

func BenchmarkSample512(b *testing.B) {
	e := encoder(cookie.Auto)
	s := fullSample()
	s.TunnelRaw = nil
	s.SetHas(uapi.PSAMPLE_ATTR_TUNNEL, false)
	s.Data = append(s.Data, make([]byte, 512-len(s.Data))...)
	buf := make([]byte, 0, 1<<16)
	line := e.AppendSample(buf, s)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.AppendSample(buf, s)
		}
	})
	// The same record from a filled struct, so without decoding and without
	// summarising the packet.
	b.Run("peer=encoding_json", func(b *testing.B) {
		var record struct {
			Type              string          `json:"type"`
			V                 int             `json:"v"`
			Group             uint32          `json:"group"`
			Seq               uint32          `json:"seq"`
			Rate              uint32          `json:"rate"`
			RateIsProbability bool            `json:"rate_is_probability"`
			Probability       float64         `json:"probability"`
			IIfIndex          uint32          `json:"iifindex"`
			IIf               string          `json:"iif"`
			OIfIndex          uint32          `json:"oifindex"`
			OIf               string          `json:"oif"`
			OrigSize          uint32          `json:"orig_size"`
			Proto             uint16          `json:"proto"`
			Timestamp         time.Time       `json:"timestamp"`
			Cookie            string          `json:"cookie"`
			CookieDecoded     map[string]any  `json:"cookie_decoded"`
			Packet            json.RawMessage `json:"packet"`
			Data              string          `json:"data"`
		}
		if err := json.Unmarshal(line, &record); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			record.Data = hex.EncodeToString(s.Data)
			if _, err := json.Marshal(&record); err != nil {
				b.Fatal(err)
			}
		}
	})
}
