// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dpscope/dpscope/cmd/ovs-dpctl/conntrack"
	"github.com/dpscope/dpscope/cmd/ovs-dpctl/doctor"
	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/odptest"
)

// What a lab's kernel does not happen to send follows the schemas, too.
func TestListsFollowTheirSchemas(t *testing.T) {
	unknown := []ovs.Attr{{Type: 9, Data: []byte{1}}}
	checkList(t, cachesSchema, []cacheItem{{"d0", masksCache, 1<<32 - 1}})
	checkList(t, metersSchema, []ovs.Meter{
		{ID: 1<<32 - 1, Packets: 1<<64 - 1, Bands: []ovs.BandStats{{Packets: 1, Bytes: 1<<64 - 1}}, Unknown: unknown}, {Bands: []ovs.BandStats{}},
	})
	checkList(t, meterFeaturesSchema, []meterFeatures{{"d0", ovs.MeterFeatures{MaxMeters: 1, BandTypes: []uint32{1, 77}, Unknown: unknown}}})
	checkList(t, zoneLimitsSchema, []ovs.ZoneLimit{{Zone: ovs.DefaultZone}, {Zone: 65535, Limit: 1<<32 - 1, Count: 5}})
	a := netip.MustParseAddr("fd00::1")
	checkList(t, conntrackSchema, []conntrack.Entry{
		{Labels: make([]byte, 16), Orig: conntrack.Tuple{Src: a, Dst: a}, Reply: conntrack.Tuple{Src: a, Dst: a, SrcPort: new(uint16(1)), DstPort: new(uint16(65535))}},
		{
			Protocol: 255, Labels: make([]byte, 16), Orig: conntrack.Tuple{Src: a, Dst: a, ICMP: &conntrack.ICMP{Code: 255}, Counters: &conntrack.Counters{Bytes: 1<<64 - 1}},
			Reply: conntrack.Tuple{Src: a, Dst: a}, Master: &conntrack.Tuple{Src: a, Dst: a}, Status: 1<<32 - 1, TCP: &conntrack.TCP{State: 99}, Helper: "ftp",
		},
	})
	counts := newCtStats()
	countConnection(counts, conntrack.Entry{Protocol: 6, TCP: &conntrack.TCP{State: 3}})
	countConnection(counts, conntrack.Entry{Protocol: 99})
	out := checkList(t, ctStatsSchema, counts)
	if !strings.Contains(out, `"states":{"ESTABLISHED":1}`) || !strings.Contains(out, `{"protocol":"OTHER","count":1}`) {
		t.Errorf("got %s", out)
	}
	checkList(t, doctorSchema, []doctor.Check{{Area: "kernel", Name: "release", Status: doctor.Info}, {Area: "patches", Name: "dpscope", Status: doctor.Warning}, {Area: "feature", Name: "x", Status: doctor.Unknown, Advice: "y"}})
}

func checkLine(t *testing.T, name string, v any) {
	t.Helper()
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	line, err := jsonLine(v)
	if err == nil {
		err = s.Check(line)
	}
	if err != nil {
		t.Errorf("%v in %s", err, line)
	}
}

func TestStreamsFollowTheirSchemas(t *testing.T) {
	now := time.Now()
	names := map[int]string{}
	g := odptest.New(1, odptest.Options{Odd: true})
	checkLine(t, "ovs-events", eventRecord{Type: "lost", V: eventVersion, Time: now})
	for _, e := range []ovs.Event{
		{Kind: ovs.EventNew, Datapath: &ovs.Datapath{Name: "d0", Ifindex: 5}},
		{Kind: ovs.EventChanged, Vport: &ovs.Vport{Name: "p", Type: ovs.VportNetdev, UpcallPIDs: []uint32{0}, DatapathIfindex: 5}},
		{Kind: 9, Flow: &ovs.Flow{Match: g.Match(), Actions: g.Actions(), DatapathIfindex: 5}},
		{Kind: ovs.EventDeleted, Datapath: &ovs.Datapath{Name: "d0", Ifindex: 5}},
	} {
		r := newEventRecord(e, names, now)
		if r.DP != "d0" {
			t.Errorf("%+v is about datapath %q", e, r.DP)
		}
		checkLine(t, "ovs-events", r)
	}
	if len(names) != 0 {
		t.Errorf("still known: %v", names)
	}

	p := upcallPrinter{dp: "d0", o: &options{}, json: true}
	for _, u := range []ovs.Upcall{
		{Command: ovs.UpcallMiss, Key: g.Match(), Packet: []byte{1, 2}},
		{Command: 9, Key: g.Match(), Userdata: []byte{}, Actions: g.Actions(), EgressTunnelKey: []byte{1}, Len: 1<<32 - 1, MRU: 65535, Hash: 1<<64 - 1, Unknown: []ovs.Attr{{Type: 1}}},
	} {
		line, err := p.line(u, now)
		if err != nil {
			t.Fatal(err)
		}
		checkLine(t, "ovs-upcalls", rawLine(line))
	}
	lost, err := p.lost(now)
	if err != nil {
		t.Fatal(err)
	}
	checkLine(t, "ovs-upcalls", rawLine(lost))
}

// rawLine is a line that is JSON already.
type rawLine []byte

func (l rawLine) MarshalJSON() ([]byte, error) { return l, nil }

func TestStreamText(t *testing.T) {
	_, key, err := odp.ParseFlow("in_port(1),eth_type(0x0806)", nil)
	if err != nil {
		t.Fatal(err)
	}
	p := upcallPrinter{dp: "d0", o: &options{}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.Local)
	line, err := p.line(ovs.Upcall{Command: ovs.UpcallAction, Key: key, Userdata: []byte{0xc0, 0xff}, Len: 100, Packet: []byte{1, 2, 3}}, at)
	const want = "03:04:05.000006 action in_port(1),eth_type(0x0806) userdata:c0ff len:100, packet:3 bytes: "
	if err != nil || !strings.HasPrefix(string(line), want) {
		t.Errorf("%v, %s", err, line)
	}
	names := map[int]string{}
	for _, tt := range []struct {
		e    ovs.Event
		want string
	}{
		{ovs.Event{Kind: ovs.EventNew, Vport: &ovs.Vport{Name: "d0", Type: ovs.VportInternal, DatapathIfindex: 7}}, " new port 0 of system@d0: d0 (internal)"},
		{ovs.Event{Kind: ovs.EventDeleted, Vport: &ovs.Vport{Name: "p", PortNo: 3, Type: ovs.VportNetdev, DatapathIfindex: 8}}, " deleted port 3 of system@(ifindex 8): p"},
		{ovs.Event{Kind: ovs.EventChanged, Datapath: &ovs.Datapath{Name: "d1", Ifindex: 9}}, " changed datapath system@d1"},
		{ovs.Event{Kind: ovs.EventNew, Flow: &ovs.Flow{Match: key, DatapathIfindex: 9}}, " new flow of system@d1: in_port(1),eth_type(0x0806), packets:0, bytes:0, used:never, actions:drop"},
	} {
		if got := eventText(tt.e, names, &options{}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
