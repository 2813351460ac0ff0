// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkActions asserts that actions survive netlink and JSON.
func checkActions(t testing.TB, as Actions) {
	t.Helper()
	b, err := as.AppendNetlink(nil)
	if err != nil {
		t.Fatalf("encode %s: %v", as, err)
	}
	got, err := DecodeActions(b)
	if err != nil {
		t.Fatalf("decode %s: %v", as, err)
	}
	if d := cmp.Diff(as, got); d != "" {
		t.Errorf("netlink round trip (-want +got):\n%s", d)
	}
	j, err := json.Marshal(as)
	if err != nil {
		t.Fatalf("marshal %s: %v", as, err)
	}
	var fromJSON Actions
	if err := json.Unmarshal(j, &fromJSON); err != nil {
		t.Fatalf("unmarshal %s: %v", j, err)
	}
	if d := cmp.Diff(as, fromJSON); d != "" {
		t.Errorf("JSON round trip of %s (-want +got):\n%s", j, d)
	}
}

// checkText asserts that the text of actions reads back to them.
func checkText(t testing.TB, as Actions) {
	t.Helper()
	got, err := ParseActions(as.String(), nil)
	if err != nil {
		t.Fatalf("own text %s is refused: %v", as, err)
	}
	if d := cmp.Diff(as, got); d != "" {
		t.Errorf("text round trip of %s (-want +got):\n%s", as, d)
	}
}

func TestActions(t *testing.T) {
	port := uint32(3)
	tests := []struct {
		text  string
		canon string // "" when text is canonical
		want  Actions
	}{
		{"drop", "", nil},
		{" drop ", "drop", nil},
		{"1", "", Actions{Output{1}}},
		{"1,2,1", "", Actions{Output{1}, Output{2}, Output{1}}},
		{"1 2\t0x10", "1,2,16", Actions{Output{1}, Output{2}, Output{16}}},
		{"psample(group=7,cookie=0xc0ffee)", "", Actions{Psample{7, []byte{0xc0, 0xff, 0xee}}}},
		{"psample(group=7,cookie=c0ffee)", "psample(group=7,cookie=0xc0ffee)", Actions{Psample{7, []byte{0xc0, 0xff, 0xee}}}},
		{"psample(cookie(00c0ff), group=7)", "psample(group=7,cookie=0x00c0ff)", Actions{Psample{7, []byte{0, 0xc0, 0xff}}}},
		{"psample(group=4294967295)", "", Actions{Psample{Group: 1<<32 - 1}}},
		{"trunc(14),psample(group=1)", "", Actions{Trunc{14}, Psample{Group: 1}}},
		{"sample(sample=50.0%,actions(psample(group=1),2))", "", Actions{Sample{1 << 31, Actions{Psample{Group: 1}, Output{2}}}}},
		{"sample(sample=50,actions(drop))", "sample(sample=50.0%,actions(drop))", Actions{Sample{1 << 31, nil}}},
		{"sample(sample=100.0%,actions(1))", "", Actions{Sample{1<<32 - 1, Actions{Output{1}}}}},
		{"sample(sample=0.0%,actions(1))", "", Actions{Sample{0, Actions{Output{1}}}}},
		{"sample(sample=0.001%,actions(1))", "", Actions{Sample{42950, Actions{Output{1}}}}},
		{"userspace(pid=5)", "", Actions{Userspace{PID: 5}}},
		{"userspace(pid=5,userdata(c0ffee),actions,tunnel_out_port=3)", "", Actions{Userspace{5, []byte{0xc0, 0xff, 0xee}, &port, true}}},
		{"userspace(pid=5,userdata=0xc0ff,egress_tun_port=3)", "userspace(pid=5,userdata(c0ff),tunnel_out_port=3)", Actions{Userspace{5, []byte{0xc0, 0xff}, &port, false}}},
		{"userspace(pid=5,userdata())", "", Actions{Userspace{PID: 5, Userdata: []byte{}}}},
		{"recirc(0x1)", "", Actions{Recirc{1}}},
		{"recirc(16)", "recirc(0x10)", Actions{Recirc{16}}},
		{"clone(1,clone(drop)),2", "", Actions{Clone{Actions{Output{1}, Clone{nil}}}, Output{2}}},
		{"push_vlan(vid=10,pcp=3),pop_vlan", "", Actions{PushVLAN{0x8100, 0x700a}, PopVLAN{}}},
		{"push_vlan(tpid=0x88a8,vid=0,pcp=0,cfi=0)", "", Actions{PushVLAN{0x88a8, 0}}},
		{"ct_clear,meter(9)", "", Actions{CTClear{}, Meter{9}}},
		{"unknown(8,hex=0102)", "", Actions{Raw{Type: 8, Data: []byte{1, 2}}}},
		{"unknown(24,nested,net,hex=)", "", Actions{Raw{Type: 24, Nested: true, NetByteOrder: true, Data: []byte{}}}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseActions(tt.text, nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
			canon := tt.canon
			if canon == "" {
				canon = tt.text
			}
			if s := got.String(); s != canon {
				t.Errorf("text is %s, want %s", s, canon)
			}
			checkActions(t, got)
			checkText(t, got)
		})
	}
}

func TestActionsWire(t *testing.T) {
	// Little-endian hosts only differ in attribute headers and host-order
	// numbers, so the expectation is built from parts.
	as, err := ParseActions("trunc(14),psample(group=7,cookie=0xc0ffee),sample(sample=50%,actions(1))", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := as.AppendNetlink(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := nl.AppendUint32(nil, 13, 14)
	psample := nl.AppendUint32(nil, 1, 7)
	psample = nl.AppendAttr(psample, 2, []byte{0xc0, 0xff, 0xee})
	want = nl.AppendAttr(want, 25|nl.NestedFlag, psample)
	sample := nl.AppendUint32(nil, 1, 1<<31)
	sample = nl.AppendAttr(sample, 2|nl.NestedFlag, nl.AppendUint32(nil, 1, 1))
	want = nl.AppendAttr(want, 6|nl.NestedFlag, sample)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What is not as documented must come back byte for byte.
func TestOddActionsStayRaw(t *testing.T) {
	group := nl.AppendUint32(nil, 1, 7)
	tests := map[string][]byte{
		"psample without group":   nl.AppendAttr(nil, 2, []byte{1}),
		"psample, group twice":    append(group[:8:8], group...),
		"psample, empty cookie":   nl.AppendAttr(group[:8:8], 2, nil),
		"psample, 17-byte cookie": nl.AppendAttr(group[:8:8], 2, make([]byte, 17)),
		"psample, more inside":    nl.AppendAttr(group[:8:8], 3, []byte{1}),
		"psample, short group":    nl.AppendAttr(nil, 1, []byte{1}),
		"psample, stray bytes":    append(group[:8:8], 1, 2, 3),
		"psample, bad length":     {200, 0, 1, 0},
	}
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			b := nl.AppendAttr(nil, uapi.OVS_ACTION_ATTR_PSAMPLE|nl.NestedFlag, payload)
			as, err := DecodeActions(b)
			if err != nil {
				t.Fatal(err)
			}
			want := Actions{Raw{Type: 25, Nested: true, Data: payload}}
			if d := cmp.Diff(want, as); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
			checkActions(t, as)
			checkText(t, as)
			out, err := as.AppendNetlink(nil)
			if err != nil || cmp.Diff(b, out) != "" {
				t.Errorf("encodes to %x, %v; want %x", out, err, b)
			}
		})
	}
}

// Kernels print nests without the flag they insist on when they read.
func TestNestedFlagComesBack(t *testing.T) {
	b := nl.AppendAttr(nil, uapi.OVS_ACTION_ATTR_PSAMPLE, nil)
	as, err := DecodeActions(b)
	if err != nil || as.String() != "unknown(25,nested,hex=)" {
		t.Errorf("got %s, %v", as, err)
	}
}

// Built by hand, actions the kernel refuses are encoded all the same.
func TestInvalidActionsEncode(t *testing.T) {
	as := Actions{Psample{Group: 1, Cookie: make([]byte, 17)}}
	b, err := as.AppendNetlink(nil)
	if err != nil || len(b) != 4+8+24 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	got, err := ParseActions(as.String(), nil)
	if err != nil {
		t.Fatalf("%s: %v", as, err)
	}
	if b2, err := got.AppendNetlink(nil); err != nil || cmp.Diff(b, b2) != "" {
		t.Errorf("%s encodes to %x, want %x (%v)", as, b2, b, err)
	}
}

func TestActionErrors(t *testing.T) {
	tests := []struct {
		text string
		want string
	}{
		{"", `actions: column 1: no actions; to drop packets write "drop"`},
		{"psample(group=1,cookie=0x" + strings.Repeat("ab", 17) + ")", "actions: column 26: psample: cookie longer than 16 bytes"},
		{"1,psample(cookie=0xab)", "actions: column 3: psample: group=N is missing"},
		{"psample()", "actions: column 1: psample: group=N is missing"},
		{"psample(group=1,group=2)", "actions: column 17: psample: group appears twice"},
		{"psample(group=1,cookie=)", "actions: column 24: psample: cookie is empty"},
		{"psample(group=1,cookie=0x)", "actions: column 26: psample: cookie is empty"},
		{"psample(group=1,cookie=0xabc)", "actions: column 26: psample: cookie: odd number of hex digits"},
		{"psample(group=1,cookie=xyz)", `actions: column 24: psample: cookie: 'x' is no hex digit`},
		{"psample(group=4294967296)", "actions: column 15: psample: group: 4294967296 does not fit 32 bits"},
		{"psample(group=1,foo=2)", `actions: column 17: psample: no field "foo"`},
		{"psample(group=1", `actions: column 16: psample: ')' is missing at the end`},
		{"sample(sample=101%,actions(1))", "actions: column 15: sample: share 101% is more than 100%"},
		{"sample(sample=-1%,actions(1))", "actions: column 15: sample: the share is a percentage such as 50%"},
		{"sample(sample=50%)", "actions: column 8: sample: actions(...) is missing"},
		{"1,foo(2)", `actions: column 3: unknown action "foo"`},
		{"1,eth9", `actions: column 3: unknown action "eth9", and no port has that name`},
		{"1,drop", "actions: column 3: drop stands alone: it means no actions"},
		{"drop,1", "actions: column 1: drop stands alone: it means no actions"},
		{"1)", `actions: column 2: unexpected ')'`},
		{"userspace(userdata=00)", "actions: column 1: userspace: pid=N is missing"},
		{"trunc(014)", `actions: column 7: trunc: "014" could be octal or decimal; leave out the leading zero or write 0x`},
		{"push_vlan(vid=4096,pcp=0)", "actions: column 15: push_vlan: vid: 4096 does not fit 12 bits"},
		{strings.Repeat("clone(", 40) + "1" + strings.Repeat(")", 40), "actions: column 193: actions nest deeper than 32 levels"},
		{"unknown(16384,hex=00)", "actions: column 9: unknown: 16384 does not fit 14 bits"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			as, err := ParseActions(tt.text, nil)
			if err == nil {
				t.Fatalf("taken as %s", as)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Errorf("%T is no *SyntaxError", err)
			}
		})
	}
}

func TestActionNames(t *testing.T) {
	as, err := ParseActions("v1,userspace(pid=1,tunnel_out_port=v1)", Ports{"v1": 4})
	if err != nil {
		t.Fatal(err)
	}
	if s := as.String(); s != "4,userspace(pid=1,tunnel_out_port=4)" {
		t.Errorf("got %s", s)
	}
	if s := string(as.AppendText(nil, PortNames{4: "v1"})); s != "v1,userspace(pid=1,tunnel_out_port=v1)" {
		t.Errorf("got %s", s)
	}
}

// TestOddPortNames: a device may be called like a number or like an action. A
// number is always the number, and text never shows a name that would be read
// as something else.
func TestOddPortNames(t *testing.T) {
	ports := Ports{"2": 5, "0x3": 6, "drop": 7, "pop_vlan": 8, "a(b": 9, "2nd": 10, "v,1": 11, "\x1b[31m": 12, "v1": 13}
	names := PortNames{}
	for name, port := range ports {
		names[port] = name
	}
	as, err := ParseActions("2,0x3,2nd,v1,userspace(pid=1,tunnel_out_port=2)", ports)
	if err != nil {
		t.Fatal(err)
	}
	two := uint32(2)
	if d := cmp.Diff(Actions{Output{2}, Output{3}, Output{10}, Output{13}, Userspace{PID: 1, EgressTunPort: &two}}, as); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	_, m, err := ParseFlow("in_port(2)", ports)
	if err != nil || m.String() != "in_port(2)" {
		t.Errorf("in_port(2) is %s, %v", m, err)
	}
	as = nil
	for port := range uint32(14) {
		as = append(as, Output{port})
	}
	text := string(as.AppendText(nil, names))
	if want := "0,1,2,3,4,5,6,7,8,9,2nd,11,12,v1"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if again, err := ParseActions(text, ports); err != nil || cmp.Diff(as, again) != "" {
		t.Errorf("%s reads back as %s, %v", text, again, err)
	}
}

func TestActionJSONErrors(t *testing.T) {
	for _, s := range []string{
		`[{"output":1,"trunc":2}]`, `[{}]`, `[{"foo":1}]`, `[{"output":-1}]`, `[{"output":4294967296}]`,
		`[{"psample":{"group":1,"cookie":"abc"}}]`, `[{"psample":{"group":1,"extra":1}}]`,
		`[{"unknown":{"type":16384,"hex":""}}]`, `[{"unknown":{"type":1,"hex":"zz"}}]`,
		`{"output":1}`, `[1]`,
	} {
		var as Actions
		if err := json.Unmarshal([]byte(s), &as); err == nil {
			t.Errorf("%s taken as %s", s, as)
		}
	}
}

func TestHas(t *testing.T) {
	as, err := ParseActions("1,sample(sample=1%,actions(clone(psample(group=1))))", nil)
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[uint16]bool{
		uapi.OVS_ACTION_ATTR_PSAMPLE: true,
		uapi.OVS_ACTION_ATTR_OUTPUT:  true,
		uapi.OVS_ACTION_ATTR_METER:   false,
	} {
		if got := as.Has(typ); got != want {
			t.Errorf("Has(%d) = %v", typ, got)
		}
	}
}
