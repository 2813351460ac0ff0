// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

func uint64s(vs ...uint64) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.NativeEndian.AppendUint64(b, v)
	}
	return b
}

func datapathMessage() []byte {
	b := appendHeader(nil, 12)
	b = nl.AppendString(b, uapi.OVS_DP_ATTR_NAME, "dp0")
	b = nl.AppendAttr(b, uapi.OVS_DP_ATTR_STATS, uint64s(1, 2, 3, 4))
	mega := binary.NativeEndian.AppendUint32(uint64s(5), 6)
	mega = append(mega, 0, 0, 0, 0)
	b = nl.AppendAttr(b, uapi.OVS_DP_ATTR_MEGAFLOW_STATS, append(mega, uint64s(7, 0)...))
	b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_USER_FEATURES, 3)
	b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_MASKS_CACHE_SIZE, 256)
	return nl.AppendUint16(b, 77, 0x0101)
}

func TestDecodeDatapath(t *testing.T) {
	got, err := DecodeDatapath(datapathMessage())
	if err != nil {
		t.Fatal(err)
	}
	want := Datapath{
		Name: "dp0", Ifindex: 12, UserFeatures: 3,
		Stats:          DatapathStats{Hit: 1, Missed: 2, Lost: 3, Flows: 4},
		MegaflowStats:  &MegaflowStats{MaskHit: 5, Masks: 6, CacheHit: 7},
		MasksCacheSize: new(uint32(256)),
		Unknown:        []Attr{{Type: 77, Data: []byte{1, 1}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	j, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON := `{"name":"dp0","ifindex":12,"user_features":3,"stats":{"hit":1,"missed":2,"lost":3,"flows":4},"megaflow_stats":{"mask_hit":5,"masks":6,"cache_hit":7},"masks_cache_size":256,"unknown":[{"type":77,"hex":"0101"}]}`
	if string(j) != wantJSON {
		t.Errorf("got  %s\nwant %s", j, wantJSON)
	}
	var back Datapath
	if err := json.Unmarshal(j, &back); err != nil || cmp.Diff(want, back) != "" {
		t.Errorf("JSON round trip: %v\n%s", err, cmp.Diff(want, back))
	}
}

func vportMessage() []byte {
	b := appendHeader(nil, 12)
	b = nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_PORT_NO, 3)
	b = nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_TYPE, uapi.OVS_VPORT_TYPE_VXLAN)
	b = nl.AppendString(b, uapi.OVS_VPORT_ATTR_NAME, "vx0")
	b = nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_IFINDEX, 44)
	b = nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_NETNSID, 0xffffffff)
	b = appendUint32s(b, uapi.OVS_VPORT_ATTR_UPCALL_PID, []uint32{5, 6})
	b = nl.AppendAttr(b, uapi.OVS_VPORT_ATTR_STATS, uint64s(1, 2, 3, 4, 5, 6, 7, 8))
	up := nl.AppendUint64(nil, uapi.OVS_VPORT_UPCALL_ATTR_SUCCESS, 9)
	up = nl.AppendUint64(up, uapi.OVS_VPORT_UPCALL_ATTR_FAIL, 10)
	b = nl.AppendAttr(b, uapi.OVS_VPORT_ATTR_UPCALL_STATS, up)
	return nl.AppendAttr(b, uapi.OVS_VPORT_ATTR_OPTIONS|nl.NestedFlag, nl.AppendUint16(nil, uapi.OVS_TUNNEL_ATTR_DST_PORT, 4789))
}

func TestDecodeVport(t *testing.T) {
	got, err := DecodeVport(vportMessage())
	if err != nil {
		t.Fatal(err)
	}
	want := Vport{
		DatapathIfindex: 12, PortNo: 3, Name: "vx0", Type: VportVXLAN, Ifindex: 44,
		UpcallPIDs: []uint32{5, 6}, NetNSID: new(int32(-1)),
		Stats:       VportStats{1, 2, 3, 4, 5, 6, 7, 8},
		UpcallStats: &UpcallStats{Success: 9, Fail: 10},
		Options:     nl.AppendUint16(nil, uapi.OVS_TUNNEL_ATTR_DST_PORT, 4789),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestVportType(t *testing.T) {
	for v, want := range map[VportType]string{VportNetdev: "netdev", VportInternal: "internal", VportGRE: "gre", VportVXLAN: "vxlan", VportGeneve: "geneve", 99: "type 99"} {
		if got := v.String(); got != want {
			t.Errorf("%d is %q, want %q", uint32(v), got, want)
		}
		var back VportType
		if err := back.UnmarshalText([]byte(want)); err != nil || back != v {
			t.Errorf("%q reads as %d, %v", want, uint32(back), err)
		}
	}
	if err := new(VportType).UnmarshalText([]byte("tulip")); err == nil {
		t.Error("tulip taken")
	}
}

func flowMessage(t testing.TB) []byte {
	t.Helper()
	ufid, match, err := odp.ParseFlow("ufid:00000001-0002-0003-0004-000500060007,in_port(1),eth(),eth_type(0x0806),arp(op=1)", nil)
	if err != nil {
		t.Fatal(err)
	}
	actions, err := odp.ParseActions("trunc(14),psample(group=7,cookie=0xc0ffee)", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := FlowSpec{Match: match, Actions: actions, UFID: ufid}.appendAttrs(appendHeader(nil, 12), true)
	if err != nil {
		t.Fatal(err)
	}
	b = nl.AppendAttr(b, uapi.OVS_FLOW_ATTR_STATS, uint64s(3, 126))
	b = nl.AppendUint8(b, uapi.OVS_FLOW_ATTR_TCP_FLAGS, 0x12)
	b = nl.AppendUint64(b, uapi.OVS_FLOW_ATTR_USED, 12345)
	return nl.AppendUint32(b, 99, 1)
}

func TestDecodeFlow(t *testing.T) {
	got, err := DecodeFlow(flowMessage(t))
	if err != nil {
		t.Fatal(err)
	}
	if got.DatapathIfindex != 12 || got.Packets != 3 || got.Bytes != 126 || got.TCPFlags != 0x12 || got.UsedMS != 12345 ||
		len(got.Unknown) != 1 || got.UFID.String() != "00000001-0002-0003-0004-000500060007" {
		t.Errorf("got %+v", got)
	}
	if s := got.Match.String(); s != "in_port(1),eth(),eth_type(0x0806),arp(op=1)" {
		t.Errorf("match is %s", s)
	}
	if s := got.Actions.String(); s != "trunc(14),psample(group=7,cookie=0xc0ffee)" {
		t.Errorf("actions are %s", s)
	}
}

// A request carries what was asked for, not more.
func TestFlowSpecAttrs(t *testing.T) {
	attrs := func(s FlowSpec, withActions bool) map[uint16]int {
		b, err := s.appendAttrs(nil, withActions)
		if err != nil {
			t.Fatal(err)
		}
		m := map[uint16]int{}
		for at, err := range nl.Attrs(b) {
			if err != nil {
				t.Fatal(err)
			}
			m[at.Type] = len(at.Data)
		}
		return m
	}
	exact := odp.Match{Exact: true, Fields: []odp.Field{{Type: uapi.OVS_KEY_ATTR_IN_PORT, Value: []byte{1, 0, 0, 0}}}}
	if d := cmp.Diff(map[uint16]int{uapi.OVS_FLOW_ATTR_KEY: 8}, attrs(FlowSpec{Match: exact}, false)); d != "" {
		t.Errorf("exact match, no actions (-want +got):\n%s", d)
	}
	masked := exact
	masked.Exact = false
	want := map[uint16]int{
		uapi.OVS_FLOW_ATTR_UFID: 2, uapi.OVS_FLOW_ATTR_KEY: 8, uapi.OVS_FLOW_ATTR_MASK: 0,
		uapi.OVS_FLOW_ATTR_ACTIONS: 0, uapi.OVS_FLOW_ATTR_PROBE: 0,
	}
	if d := cmp.Diff(want, attrs(FlowSpec{Match: masked, UFID: odp.UFID{1, 2}, Probe: true}, true)); d != "" {
		t.Errorf("drop flow (-want +got):\n%s", d)
	}
}

func upcallMessage(t testing.TB) []byte {
	t.Helper()
	_, match, err := odp.ParseFlow("in_port(1),eth(),eth_type(0x0806)", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := nl.AppendNested(appendHeader(nil, 12), uapi.OVS_PACKET_ATTR_KEY, match.AppendKey)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = nl.AppendNested(b, uapi.OVS_PACKET_ATTR_ACTIONS, odp.Actions{odp.Output{Port: 2}}.AppendNetlink); err != nil {
		t.Fatal(err)
	}
	b = nl.AppendAttr(b, uapi.OVS_PACKET_ATTR_PACKET, []byte{1, 2, 3})
	b = nl.AppendAttr(b, uapi.OVS_PACKET_ATTR_USERDATA, []byte{4, 5})
	b = nl.AppendUint16(b, uapi.OVS_PACKET_ATTR_MRU, 1500)
	b = nl.AppendUint32(b, uapi.OVS_PACKET_ATTR_LEN, 4042)
	b = nl.AppendUint64(b, uapi.OVS_PACKET_ATTR_HASH, 1<<33|5)
	return nl.AppendUint32(b, uapi.OVS_PACKET_ATTR_UPCALL_PID, 9)
}

func TestDecodeUpcall(t *testing.T) {
	got, err := DecodeUpcall(uapi.OVS_PACKET_CMD_ACTION, upcallMessage(t))
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Key.String(); s != "in_port(1),eth(src=00:00:00:00:00:00,dst=00:00:00:00:00:00),eth_type(0x0806)" || !got.Key.Exact {
		t.Errorf("key is %s", s)
	}
	got.Key = odp.Match{}
	pid := binary.NativeEndian.AppendUint32(nil, 9)
	want := Upcall{
		Command: UpcallAction, DatapathIfindex: 12, Packet: []byte{1, 2, 3}, Userdata: []byte{4, 5},
		Actions: odp.Actions{odp.Output{Port: 2}}, MRU: 1500, Len: 4042, Hash: 1<<33 | 5,
		Unknown: []Attr{{Type: uapi.OVS_PACKET_ATTR_UPCALL_PID, Data: pid}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDecodeErrors(t *testing.T) {
	short := func(typ uint16) []byte { return nl.AppendUint8(appendHeader(nil, 1), typ, 1) }
	tests := []struct {
		name   string
		decode func([]byte) error
		b      []byte
		want   string
	}{
		{"no header", decodeError(DecodeDatapath), []byte{1}, "datapath message: 1 bytes, shorter than its header"},
		{"bad length", decodeError(DecodeVport), append(appendHeader(nil, 1), 200, 0, 3, 0), "vport message: attribute 3 at offset 0: length 200 does not fit the 4 bytes left"},
		{"dp stats", decodeError(DecodeDatapath), short(uapi.OVS_DP_ATTR_STATS), "datapath message: attribute 3: unexpected length: 1 bytes"},
		{"megaflow stats", decodeError(DecodeDatapath), short(uapi.OVS_DP_ATTR_MEGAFLOW_STATS), "datapath message: attribute 4: unexpected length: 1 bytes"},
		{"upcall pids", decodeError(DecodeVport), short(uapi.OVS_VPORT_ATTR_UPCALL_PID), "vport message: attribute 5: unexpected length: 1 bytes"},
		{"ufid", decodeError(DecodeFlow), nl.AppendAttr(appendHeader(nil, 1), uapi.OVS_FLOW_ATTR_UFID, make([]byte, 17)), "flow message: attribute 9: unexpected length: 17 bytes"},
		{"flow key", decodeError(DecodeFlow), nl.AppendAttr(appendHeader(nil, 1), uapi.OVS_FLOW_ATTR_KEY, []byte{200, 0, 3, 0}), "flow message: flow key: attribute 3 at offset 0: length 200 does not fit the 4 bytes left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.decode(tt.b)
			if err == nil || binary.NativeEndian.Uint16([]byte{1, 0}) == 1 && err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func decodeError[T any](f func([]byte) (T, error)) func([]byte) error {
	return func(b []byte) error {
		_, err := f(b)
		return err
	}
}

// The specs must lead from a request's bytes to a readable path.
func TestAttrPaths(t *testing.T) {
	_, match, err := odp.ParseFlow("in_port(1),eth()", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := FlowSpec{Match: match, Actions: odp.Actions{
		odp.Sample{Probability: 1, Actions: odp.Actions{odp.Psample{Group: 1, Cookie: []byte("0123456789abcdefX")}}},
	}}.appendAttrs(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(b), "0123456789") - 4
	want := "OVS_FLOW_ATTR_ACTIONS/OVS_ACTION_ATTR_SAMPLE/OVS_SAMPLE_ATTR_ACTIONS/OVS_ACTION_ATTR_PSAMPLE/OVS_PSAMPLE_ATTR_COOKIE"
	if got := nl.AttrPath(b, at, flowSpec); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := nl.AttrPath(b, 4, flowSpec); got != "OVS_FLOW_ATTR_KEY/OVS_KEY_ATTR_IN_PORT" {
		t.Errorf("got %s", got)
	}
}

func FuzzDecodeDatapath(f *testing.F) {
	f.Add(datapathMessage())
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := DecodeDatapath(b)
		if err == nil {
			checkJSON(t, d)
		}
	})
}

func FuzzDecodeVport(f *testing.F) {
	f.Add(vportMessage())
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeVport(b)
		if err == nil {
			checkJSON(t, v)
		}
	})
}

func checkJSON(t *testing.T, v any) {
	t.Helper()
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("%+v has no JSON form: %v", v, err)
	}
}

func FuzzDecodeFlow(f *testing.F) {
	f.Add(flowMessage(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		fl, err := DecodeFlow(b)
		if err != nil {
			return
		}
		again, err := FlowSpec{Match: fl.Match, Actions: fl.Actions, UFID: fl.UFID}.appendAttrs(appendHeader(nil, fl.DatapathIfindex), true)
		if err != nil {
			return // the nest flags' padding may not fit any more
		}
		got, err := DecodeFlow(again)
		if err != nil {
			t.Fatalf("own request is refused: %v", err)
		}
		if got.Match.String() != fl.Match.String() || got.Actions.String() != fl.Actions.String() || string(got.UFID) != string(fl.UFID) {
			t.Errorf("got %+v, want %+v", got, fl)
		}
	})
}

func FuzzDecodeUpcall(f *testing.F) {
	f.Add(uint8(1), upcallMessage(f))
	f.Add(uint8(2), upcallMessage(f))
	f.Fuzz(func(_ *testing.T, cmd uint8, b []byte) {
		u, err := DecodeUpcall(cmd, b)
		if err == nil {
			_ = u.Command.String()
			_ = u.Key.String() + u.Actions.String()
		}
	})
}
