// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

var update = flag.Bool("update", false, "rewrite golden files")

// section is one dump of testdata/dump-6.1.txt: what was asked for, and the
// messages.
type section struct {
	dev     string
	index   uint32
	side    Direction
	types   []int
	payload [][]byte
}

func readDump(t testing.TB) []section {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the recorded messages are little endian")
	}
	raw, err := os.ReadFile(filepath.Join("testdata", "dump-6.1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var out []section
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		line := s.Text()
		if strings.HasPrefix(line, "#  ") {
			continue
		}
		if strings.HasPrefix(line, "#") {
			var sec section
			var side string
			if n, _ := fmt.Sscanf(line, "# %s %d %s", &sec.dev, &sec.index, &side); n == 3 {
				if err := sec.side.UnmarshalText([]byte(side)); err != nil {
					t.Fatal(err)
				}
			}
			out = append(out, sec)
			continue
		}
		var typ int
		var digits string
		if _, err := fmt.Sscanf(line, "%d %s", &typ, &digits); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		last := &out[len(out)-1]
		last.types = append(last.types, typ)
		last.payload = append(last.payload, b)
	}
	return out
}

// tables puts the recorded filters together as Client.table does.
func tables(t *testing.T) []table {
	t.Helper()
	var out []table
	for _, s := range readDump(t) {
		if s.index == 0 {
			continue
		}
		if len(out) == 0 || out[len(out)-1].link.index != s.index {
			out = append(out, table{link: link{index: s.index, name: s.dev}})
		}
		for _, b := range s.payload {
			f, err := DecodeFilter(b)
			if err != nil {
				t.Fatal(err)
			}
			last := &out[len(out)-1]
			last.filters[s.side] = append(last.filters[s.side], f)
		}
	}
	return out
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestDecodeFilterGolden(t *testing.T) {
	all := tables(t)
	golden(t, "dump-6.1.filters.json", func() (out []Filter) {
		for _, tb := range all {
			out = append(out, tb.filters[Ingress]...)
			out = append(out, tb.filters[Egress]...)
		}
		return out
	}())
	golden(t, "dump-6.1.samples.json", func() (out []SampleFilter) {
		for _, tb := range all {
			out = append(out, tb.samples()...)
		}
		return out
	}())
}

// TestSamplesRoundTrip: what list -j prints reads back as the same values.
func TestSamplesRoundTrip(t *testing.T) {
	for _, tb := range tables(t) {
		for _, s := range tb.samples() {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var got SampleFilter
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", b, diff)
			}
		}
	}
}

func TestDecodeQdisc(t *testing.T) {
	dump := readDump(t)
	var got []string
	for _, b := range dump[len(dump)-1].payload {
		h, q, err := decodeQdisc(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %x %s %v", h.ifindex, h.parent, q.kind, q.block))
	}
	want := []string{
		"1 ffffffff noqueue [0 0]",
		"1 fffffff1 clsact [0 0]",
		"2 ffffffff noqueue [0 0]",
		"2 fffffff1 clsact [0 0]",
		"3 fffffff1 clsact [22 0]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// attrs builds a list of attributes: pairs of type and payload.
func attrs(pairs ...any) []byte {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		b = nl.AppendAttr(b, uint16(pairs[i].(int)), pairs[i+1].([]byte))
	}
	return b
}

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func u64(v uint64) []byte { return binary.NativeEndian.AppendUint64(nil, v) }

func matchallWith(action []byte) []byte {
	return append(tcmsg{ifindex: 3, handle: 1, info: filterInfo(7)}.append(nil), attrs(
		uapi.TCA_KIND, []byte("matchall\x00"),
		uapi.TCA_OPTIONS, attrs(uapi.TCA_MATCHALL_ACT, attrs(1, action)),
	)...)
}

// TestDecodeUnknown: what a newer kernel adds is kept with its place.
func TestDecodeUnknown(t *testing.T) {
	b := matchallWith(attrs(
		uapi.TCA_ACT_OPTIONS, attrs(uapi.TCA_SAMPLE_RATE, u32(9), 99, []byte{1}),
		uapi.TCA_ACT_STATS, attrs(uapi.TCA_STATS_PKT64, u64(1<<33), uapi.TCA_STATS_BASIC, append(u64(5), u32(6)...), 77, []byte{2}),
		88, []byte{3},
		uapi.TCA_ACT_KIND, []byte("sample"), // comes last, and without terminator
	))
	b = append(b, attrs(66, []byte{4})...)
	f, err := DecodeFilter(b)
	if err != nil {
		t.Fatal(err)
	}
	got := samplesOf(f, link{index: 3, name: "x"}, Egress)
	want := []SampleFilter{{
		Dev: "x", IfIndex: 3, Direction: Egress, Pref: 7, Handle: 1, Rate: 9,
		ControlAction: "pass", // no PARMS: the zero value
		Stats:         Stats{Packets: 1 << 33, Bytes: 5},
		Unknown: []Unknown{
			{Type: 66, Hex: []byte{4}},
			{Path: "TCA_OPTIONS/TCA_MATCHALL_ACT/1/TCA_ACT_STATS", Type: 77, Hex: []byte{2}},
			{Path: "TCA_OPTIONS/TCA_MATCHALL_ACT/1", Type: 88, Hex: []byte{3}},
			{Path: "TCA_OPTIONS/TCA_MATCHALL_ACT/1/TCA_ACT_OPTIONS", Type: 99, Hex: []byte{1}},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeFilterErrors(t *testing.T) {
	sample := func(options []byte) []byte {
		return matchallWith(attrs(uapi.TCA_ACT_KIND, []byte("sample\x00"), uapi.TCA_ACT_OPTIONS, options))
	}
	head := tcmsg{}.append(nil)
	for name, tt := range map[string]struct {
		in   []byte
		want string
	}{
		"empty":        {nil, "shorter than struct tcmsg"},
		"short header": {head[:19], "shorter than struct tcmsg"},
		"cut":          {append(head[:20:20], 99, 0, 1, 0), "length 99 does not fit"},
		"chain":        {append(head[:20:20], attrs(uapi.TCA_CHAIN, []byte{1})...), "[TCA_CHAIN]"},
		"rate":         {sample(attrs(uapi.TCA_SAMPLE_RATE, []byte{1, 2})), "[TCA_OPTIONS/TCA_MATCHALL_ACT/1/TCA_ACT_OPTIONS/3]"},
		"parms":        {sample(attrs(uapi.TCA_SAMPLE_PARMS, u32(1))), "TCA_ACT_OPTIONS/2]"},
		"options cut":  {sample([]byte{200, 0, 3, 0}), "[TCA_OPTIONS/TCA_MATCHALL_ACT/1/TCA_ACT_OPTIONS]"},
		"index":        {matchallWith(attrs(uapi.TCA_ACT_INDEX, []byte{1})), "TCA_ACT_INDEX]"},
		"counters":     {matchallWith(attrs(uapi.TCA_ACT_STATS, attrs(uapi.TCA_STATS_BASIC, u32(1)))), "TCA_ACT_STATS/1]"},
		"action cut":   {matchallWith([]byte{200, 0, 3, 0}), "[TCA_OPTIONS/TCA_MATCHALL_ACT/1]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeFilter(tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestControlString(t *testing.T) {
	for c, want := range map[Control]string{
		uapi.TC_ACT_UNSPEC: "continue", uapi.TC_ACT_OK: "pass", uapi.TC_ACT_SHOT: "drop", uapi.TC_ACT_PIPE: "pipe",
		uapi.TC_ACT_RECLASSIFY: "reclassify", uapi.TC_ACT_STOLEN: "stolen", uapi.TC_ACT_TRAP: "trap",
		1<<28 | 2: "jump 2", 2<<28 | 5: "goto chain 5", 55: "55", -7: "-7",
	} {
		if got := c.String(); got != want {
			t.Errorf("%d: got %q, want %q", int32(c), got, want)
		}
	}
}

func FuzzDecodeFilter(f *testing.F) {
	for _, s := range readDump(f) {
		for _, b := range s.payload {
			f.Add(b)
		}
	}
	f.Add(matchallWith(attrs(uapi.TCA_ACT_KIND, []byte("sample\x00"), uapi.TCA_ACT_OPTIONS, attrs(uapi.TCA_SAMPLE_RATE, u32(1)))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := decodeQdisc(b); err != nil && len(b) >= tcmsgLen && !strings.Contains(err.Error(), "queueing discipline") {
			t.Errorf("error does not say what it is about: %v", err)
		}
		x, err := DecodeFilter(b)
		if err != nil {
			if len(err.Error()) > 512 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			return
		}
		tb := table{link: link{index: 3}}
		tb.filters[Ingress] = []Filter{x}
		tb.orphans(Ingress)
		for _, s := range tb.samples() {
			if s.Owned && (!ownHandle(uint32(s.Handle)) || len(x.Actions) != 1) {
				t.Errorf("claims a foreign filter: %+v", s)
			}
			j, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var back SampleFilter
			if err := json.Unmarshal(j, &back); err != nil {
				t.Fatalf("%s: %v", j, err)
			}
		}
	})
}
