// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

func meterMessage() []byte {
	b := nl.AppendUint32(appendHeader(nil, 12), uapi.OVS_METER_ATTR_ID, 7)
	b = nl.AppendAttr(b, uapi.OVS_METER_ATTR_STATS, uint64s(5, 500))
	b = nl.AppendUint64(b, uapi.OVS_METER_ATTR_USED, 12345)
	band := nl.AppendAttr(nil, uapi.OVS_BAND_ATTR_STATS, uint64s(2, 200))
	bands := nl.AppendAttr(nil, uapi.OVS_BAND_ATTR_UNSPEC|nl.NestedFlag, band)
	b = nl.AppendAttr(b, uapi.OVS_METER_ATTR_BANDS|nl.NestedFlag, bands)
	return nl.AppendUint8(b, 99, 1)
}

func featuresMessage() []byte {
	b := nl.AppendUint32(appendHeader(nil, 12), uapi.OVS_METER_ATTR_MAX_METERS, 200000)
	b = nl.AppendUint32(b, uapi.OVS_METER_ATTR_MAX_BANDS, 1)
	band := nl.AppendUint32(nil, uapi.OVS_BAND_ATTR_TYPE, uapi.OVS_METER_BAND_TYPE_DROP)
	return nl.AppendAttr(b, uapi.OVS_METER_ATTR_BANDS|nl.NestedFlag, nl.AppendAttr(nil, uapi.OVS_BAND_ATTR_UNSPEC|nl.NestedFlag, band))
}

func TestDecodeMeter(t *testing.T) {
	got, err := DecodeMeter(meterMessage())
	want := Meter{
		DatapathIfindex: 12, ID: 7, Packets: 5, Bytes: 500, UsedMS: 12345,
		Bands: []BandStats{{Packets: 2, Bytes: 200}}, Unknown: []Attr{{Type: 99, Data: []byte{1}}},
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	f, err := DecodeMeterFeatures(featuresMessage())
	if d := cmp.Diff(MeterFeatures{MaxMeters: 200000, MaxBands: 1, BandTypes: []uint32{1}}, f); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// The kernel wants type, rate and burst of each band, nested flags aside.
func TestMeterConfig(t *testing.T) {
	b, err := MeterConfig{ID: 7, Kbps: true, Bands: []BandConfig{{Rate: 1000, Burst: 10}}}.appendAttrs(nil)
	if err != nil {
		t.Fatal(err)
	}
	band := nl.AppendUint32(nil, uapi.OVS_BAND_ATTR_TYPE, uapi.OVS_METER_BAND_TYPE_DROP)
	band = nl.AppendUint32(band, uapi.OVS_BAND_ATTR_RATE, 1000)
	band = nl.AppendUint32(band, uapi.OVS_BAND_ATTR_BURST, 10)
	want := nl.AppendUint32(nil, uapi.OVS_METER_ATTR_ID, 7)
	want = nl.AppendFlag(want, uapi.OVS_METER_ATTR_KBPS)
	want = nl.AppendAttr(want, uapi.OVS_METER_ATTR_BANDS|nl.NestedFlag, nl.AppendAttr(nil, uapi.OVS_BAND_ATTR_UNSPEC|nl.NestedFlag, band))
	if d := cmp.Diff(want, b); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func zoneLimitsMessage(list ...ZoneLimit) []byte {
	var p []byte
	for _, l := range list {
		p = binary.NativeEndian.AppendUint32(p, uint32(int32(l.Zone)))
		p = binary.NativeEndian.AppendUint32(p, l.Limit)
		p = binary.NativeEndian.AppendUint32(p, l.Count)
	}
	return nl.AppendAttr(appendHeader(nil, 0), uapi.OVS_CT_LIMIT_ATTR_ZONE_LIMIT, p)
}

func TestZoneLimits(t *testing.T) {
	want := []ZoneLimit{{Zone: DefaultZone, Limit: 10}, {Zone: 65535, Limit: 20, Count: 3}}
	got, err := DecodeZoneLimits(zoneLimitsMessage(want...))
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	sent, err := appendZoneLimits(appendHeader(nil, 0), want)
	if err != nil {
		t.Fatal(err)
	}
	want[1].Count = 0
	if got, err = DecodeZoneLimits(sent); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("sent %v, %v", got, err)
	}
	for _, bad := range []int{-2, 65536} {
		if _, err := appendZoneLimits(nil, []ZoneLimit{{Zone: bad}}); err == nil {
			t.Errorf("zone %d was taken", bad)
		}
	}
	if _, err := appendZoneLimits(nil, make([]ZoneLimit, maxZoneLimits+1)); err == nil {
		t.Error("more zones than fit were taken")
	}
	if _, err := DecodeZoneLimits(nl.AppendUint8(appendHeader(nil, 0), uapi.OVS_CT_LIMIT_ATTR_ZONE_LIMIT, 1)); err == nil {
		t.Error("a limit of one byte was taken")
	}
}

func TestTunnelOptions(t *testing.T) {
	for _, o := range []TunnelOptions{
		{DstPort: 6081},
		{DstPort: 4789, GBP: true},
		{DstPort: 1, Unknown: []Attr{{Type: 9, Data: []byte{1, 2}}}},
	} {
		b, err := o.appendAttr(nil)
		if err != nil {
			t.Fatal(err)
		}
		v, err := DecodeVport(append(appendHeader(nil, 1), b...))
		if err != nil {
			t.Fatal(err)
		}
		got, ok, err := v.Tunnel()
		if d := cmp.Diff(o, got); err != nil || !ok || d != "" {
			t.Errorf("%v %v (-want +got):\n%s", ok, err, d)
		}
	}
	if _, ok, err := (Vport{}).Tunnel(); ok || err != nil {
		t.Errorf("a port without options: %v, %v", ok, err)
	}
	if _, err := DecodeTunnelOptions(nl.AppendUint8(nil, uapi.OVS_TUNNEL_ATTR_DST_PORT, 1)); err == nil {
		t.Error("a port of one byte was taken")
	}
}

func TestEventKind(t *testing.T) {
	for k, want := range map[EventKind]string{EventNew: "new", EventDeleted: "deleted", EventChanged: "changed", 77: "command 77"} {
		b, err := json.Marshal(k)
		if err != nil || string(b) != `"`+want+`"` {
			t.Errorf("%d is %s, %v", k, b, err)
		}
		var back EventKind
		if err := json.Unmarshal(b, &back); err != nil || back != k {
			t.Errorf("%s reads as %d, %v", b, back, err)
		}
	}
	if err := new(EventKind).UnmarshalText([]byte("tulip")); err == nil {
		t.Error("tulip taken")
	}
}

func FuzzDecodeMeter(f *testing.F) {
	f.Add(meterMessage())
	f.Add(featuresMessage())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := DecodeMeter(b); err == nil {
			checkJSON(t, m)
		}
		if m, err := DecodeMeterFeatures(b); err == nil {
			checkJSON(t, m)
		}
	})
}

func FuzzDecodeZoneLimits(f *testing.F) {
	f.Add(zoneLimitsMessage(ZoneLimit{Zone: DefaultZone, Limit: 10}, ZoneLimit{Zone: 5, Count: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := DecodeZoneLimits(b)
		if err != nil || len(list) > maxZoneLimits {
			return
		}
		for i := range list {
			list[i].Count = 0
			if list[i].Zone < DefaultZone || list[i].Zone > 0xffff {
				return
			}
		}
		again, err := appendZoneLimits(appendHeader(nil, 0), list)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeZoneLimits(again); err != nil || cmp.Diff(list, got) != "" {
			t.Errorf("got %v, %v, want %v", got, err, list)
		}
	})
}

func FuzzDecodeTunnelOptions(f *testing.F) {
	f.Add(nl.AppendUint16(nil, uapi.OVS_TUNNEL_ATTR_DST_PORT, 4789))
	f.Add(nl.AppendAttr(nil, uapi.OVS_TUNNEL_ATTR_EXTENSION|nl.NestedFlag, nl.AppendFlag(nil, uapi.OVS_VXLAN_EXT_GBP)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := DecodeTunnelOptions(b); err == nil {
			checkJSON(t, o)
		}
	})
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add(uapi.OVS_DATAPATH_FAMILY, uint8(1), datapathMessage())
	f.Add(uapi.OVS_VPORT_FAMILY, uint8(2), vportMessage())
	f.Add(uapi.OVS_FLOW_FAMILY, uint8(4), flowMessage(f))
	f.Fuzz(func(t *testing.T, family string, command uint8, b []byte) {
		e, err := decodeEvent(family, command, b)
		if err == nil {
			checkJSON(t, e)
		}
	})
}

// A decoder that is used again must not mix flows.
func FuzzFlowDecoder(f *testing.F) {
	f.Add(flowMessage(f), benchFlows(f, 1)[0])
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var d flowDecoder
		for _, msg := range [][]byte{a, b, b, a} {
			got, err := d.decode(msg)
			want, werr := DecodeFlow(msg)
			if (err == nil) != (werr == nil) {
				t.Fatalf("used: %v, fresh: %v", err, werr)
			}
			if err == nil && (!got.Match.Equal(want.Match) || got.Actions.String() != want.Actions.String()) {
				t.Errorf("used:  %+v\nfresh: %+v", got, want)
			}
		}
	})
}
