// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

func liveDatapath(t *testing.T, cfg DatapathConfig) (*Client, *nl.NetNS, Datapath) {
	t.Helper()
	c, ns := liveClient(t)
	cfg.Name = "dp0"
	dp, err := c.AddDatapath(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, ns, dp
}

func TestLiveSetDatapath(t *testing.T) {
	c, _, dp := liveDatapath(t, DatapathConfig{UserFeatures: uapi.OVS_DP_F_UNALIGNED | uapi.OVS_DP_F_VPORT_PIDS, MasksCacheSize: new(uint32(128))})
	ctx := t.Context()
	if dp.MasksCacheSize == nil || *dp.MasksCacheSize != 128 {
		t.Errorf("got %+v", dp)
	}
	got, err := c.SetDatapath(ctx, dp, DatapathChange{MasksCacheSize: new(uint32(512))})
	if err != nil || got.UserFeatures != dp.UserFeatures || *got.MasksCacheSize != 512 {
		t.Errorf("after the mask cache: %+v, %v", got, err)
	}
	got, err = c.SetDatapath(ctx, dp, DatapathChange{
		UserFeatures: new(uint32(uapi.OVS_DP_F_DISPATCH_UPCALL_PER_CPU)), PerCPUPIDs: []uint32{7, 8},
	})
	if err != nil || got.UserFeatures != uapi.OVS_DP_F_DISPATCH_UPCALL_PER_CPU || *got.MasksCacheSize != 512 {
		t.Errorf("after the features: %+v, %v", got, err)
	}
	for _, bad := range []uint32{3, 1 << 20} {
		if _, err := c.SetDatapath(ctx, dp, DatapathChange{MasksCacheSize: &bad}); err == nil {
			t.Errorf("a mask cache of %d was taken", bad)
		}
	}
	if _, err := c.SetDatapath(ctx, dp, DatapathChange{UserFeatures: new(uint32(1 << 20))}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("an unknown feature: %v", err)
	}
	if _, err := c.SetDatapath(ctx, Datapath{Name: "nope"}, DatapathChange{}); !errors.Is(err, ErrNoDatapath) {
		t.Errorf("no datapath: %v", err)
	}
}

func TestLivePorts(t *testing.T) {
	c, _, dp := liveDatapath(t, DatapathConfig{UserFeatures: uapi.OVS_DP_F_VPORT_PIDS})
	ctx := t.Context()
	if _, err := c.AddVport(ctx, dp, VportConfig{Name: "i0", Type: VportInternal, PortNo: 5}); err != nil {
		t.Fatal(err)
	}
	byName, err := c.Vport(ctx, dp, "i0")
	if err != nil || byName.PortNo != 5 {
		t.Errorf("by name: %+v, %v", byName, err)
	}
	byNumber, err := c.VportByNumber(ctx, dp, 5)
	if err != nil || byNumber.Name != "i0" {
		t.Errorf("by number: %+v, %v", byNumber, err)
	}
	for _, no := range []uint32{6, 70000} {
		if _, err := c.VportByNumber(ctx, dp, no); !errors.Is(err, ErrNoVport) {
			t.Errorf("port %d: %v", no, err)
		}
	}
	// As many receivers as there can be processors, and no more (Linux 6.1.176,
	// 6.12.101 and 7.2; before that the number was not looked at).
	receivers := []uint32{}
	for i := range possibleProcessors(t) {
		receivers = append(receivers, uint32(11+i))
	}
	v, err := c.SetVport(ctx, dp, "i0", VportChange{UpcallPIDs: receivers})
	if err != nil || cmp.Diff(receivers, v.UpcallPIDs) != "" {
		t.Errorf("got %+v, %v", v, err)
	}
	_, err = c.SetVport(ctx, dp, "i0", VportChange{UpcallPIDs: append(receivers, 10)})
	if err != nil && (!errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "processors")) {
		t.Errorf("more receivers than processors: %v", err)
	}
	if _, err := c.SetVport(ctx, dp, "i0", VportChange{Type: VportGRE}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("another type: %v", err)
	}
	v, err = c.AddVport(ctx, dp, VportConfig{Name: "vx0", Type: VportVXLAN, Tunnel: &TunnelOptions{DstPort: 4790, GBP: true}})
	if errors.Is(err, ErrUnsupported) {
		t.Skipf("no vxlan on this kernel: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	o, ok, err := v.Tunnel()
	if d := cmp.Diff(TunnelOptions{DstPort: 4790, GBP: true}, o); err != nil || !ok || d != "" {
		t.Errorf("%v %v (-want +got):\n%s", ok, err, d)
	}
	if _, err := c.SetVport(ctx, dp, "vx0", VportChange{Tunnel: &TunnelOptions{DstPort: 4791}}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("other options: %v", err)
	}
}

// possibleProcessors is how many processors the kernel can have, nr_cpu_ids.
func possibleProcessors(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/sys/devices/system/cpu/possible") // 0-3, or 0
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSpace(string(b))
	last, err := strconv.Atoi(text[strings.LastIndexAny(text, "-,")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return last + 1
}

func TestLiveOneFlow(t *testing.T) {
	c, _, dp := liveDatapath(t, DatapathConfig{})
	ctx := t.Context()
	id := odp.UFID{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}
	_, match, err := odp.ParseFlow("in_port(0),eth(),eth_type(0x0806),arp()", nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := FlowSpec{Match: match, UFID: id, Actions: odp.Actions{odp.Output{Port: 1}}}
	if _, err := c.SetFlow(ctx, dp, spec, FlowChange{}); !errors.Is(err, ErrNoFlow) {
		t.Errorf("change before it is there: %v", err)
	}
	if err := c.AddFlow(ctx, dp, spec); err != nil {
		t.Fatal(err)
	}
	// A packet for its counters.
	frame := append(bytes.Repeat([]byte{0xff}, 6), 2, 0, 0, 0, 0, 1, 0x08, 0x06)
	frame = append(frame, 0, 1, 8, 0, 6, 4, 0, 1)
	frame = append(frame, make([]byte, 20)...)
	if err := c.ExecutePacket(ctx, dp, Execute{
		Packet: frame,
		Key:    odp.Match{Exact: true, Fields: []odp.Field{{Type: uapi.OVS_KEY_ATTR_IN_PORT, Value: []byte{0, 0, 0, 0}}}},
		// Around once more, through the table.
		Actions: odp.Actions{odp.Recirc{ID: 0}},
	}); err != nil {
		t.Fatal(err)
	}
	f, err := c.GetFlow(ctx, dp, odp.Match{}, id)
	if err != nil || f.Packets != 1 || f.Bytes != uint64(len(frame)) || f.UsedMS == 0 {
		t.Errorf("by id: %+v, %v", f, err)
	}
	spec.Actions = odp.Actions{odp.Output{Port: 2}}
	if f, err = c.SetFlow(ctx, dp, spec, FlowChange{}); err != nil || f.Packets != 1 || f.Actions.String() != "2" {
		t.Errorf("new actions: %+v, %v", f, err)
	}
	if f, err = c.SetFlow(ctx, dp, FlowSpec{Match: match, UFID: id}, FlowChange{KeepActions: true, ClearStats: true}); err != nil || f.Packets != 1 || f.Actions.String() != "2" {
		t.Errorf("clear: %+v, %v", f, err)
	}
	if f, err = c.GetFlow(ctx, dp, odp.Match{}, id); err != nil || f.Packets != 0 {
		t.Errorf("cleared: %+v, %v", f, err)
	}
	if f, err = c.TakeFlow(ctx, dp, odp.Match{}, id); err != nil || f.Actions.String() != "2" {
		t.Errorf("taken: %+v, %v", f, err)
	}
	if _, err = c.GetFlow(ctx, dp, odp.Match{}, id); !errors.Is(err, ErrNoFlow) {
		t.Errorf("afterwards: %v", err)
	}
	if _, err = c.GetFlow(ctx, dp, match, nil); !errors.Is(err, ErrNoFlow) {
		t.Errorf("afterwards, by key: %v", err)
	}
}

// Flows whose actions are too long for a dump are read whole.
func TestLiveLongFlow(t *testing.T) {
	c, _, dp := liveDatapath(t, DatapathConfig{})
	_, match, err := odp.ParseFlow("in_port(0),eth(),eth_type(0x0806),arp()", nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := FlowSpec{Match: match}
	for range 4000 { // 32 000 bytes of the kernel's 32 KiB
		spec.Actions = append(spec.Actions, odp.Output{Port: 1})
	}
	if err := c.AddFlow(t.Context(), dp, spec); err != nil {
		t.Fatal(err)
	}
	n := 0
	for f, err := range c.Flows(t.Context(), dp, FlowDump{}) {
		if err != nil || len(f.Actions) != len(spec.Actions) {
			t.Errorf("%d actions, %v", len(f.Actions), err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d flows", n)
	}
}

func TestLiveMeters(t *testing.T) {
	c, _, dp := liveDatapath(t, DatapathConfig{})
	ctx := t.Context()
	f, err := c.MeterFeatures(ctx, dp)
	if err != nil || f.MaxMeters == 0 || f.MaxBands == 0 || cmp.Diff([]uint32{uapi.OVS_METER_BAND_TYPE_DROP}, f.BandTypes) != "" {
		t.Errorf("features %+v, %v", f, err)
	}
	if _, err := c.Meter(ctx, dp, 3); !errors.Is(err, ErrNoMeter) {
		t.Errorf("no meter: %v", err)
	}
	if _, err := c.SetMeter(ctx, dp, MeterConfig{ID: 3, Bands: []BandConfig{{Rate: 100, Burst: 10}}}); err != nil {
		t.Fatal(err)
	}
	m, err := c.Meter(ctx, dp, 3)
	if err != nil || m.ID != 3 || len(m.Bands) != 1 || m.DatapathIfindex != dp.Ifindex {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := c.SetMeter(ctx, dp, MeterConfig{ID: 4, Bands: []BandConfig{{}}}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a rate of zero: %v", err)
	}
	if m, err = c.DelMeter(ctx, dp, 3); err != nil || len(m.Bands) != 1 {
		t.Errorf("deleted: %+v, %v", m, err)
	}
	if _, err = c.DelMeter(ctx, dp, 3); !errors.Is(err, ErrNoMeter) {
		t.Errorf("deleted again: %v", err)
	}
}

func TestLiveZoneLimits(t *testing.T) {
	c, _ := liveClient(t)
	ctx := t.Context()
	if _, err := c.ZoneLimits(ctx); errors.Is(err, ErrUnsupported) {
		t.Skipf("needs CONFIG_NETFILTER_CONNCOUNT: %v", err)
	}
	if err := c.SetZoneLimits(ctx, ZoneLimit{Zone: DefaultZone, Limit: 100}, ZoneLimit{Zone: 5, Limit: 7}); err != nil {
		t.Fatal(err)
	}
	all, err := c.ZoneLimits(ctx)
	if d := cmp.Diff([]ZoneLimit{{Zone: DefaultZone, Limit: 100}, {Zone: 5, Limit: 7}}, all); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if err := c.DelZoneLimits(ctx, 5); err != nil {
		t.Error(err)
	}
	one, err := c.ZoneLimits(ctx, 5)
	if d := cmp.Diff([]ZoneLimit{{Zone: 5, Limit: 100}}, one); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestLiveMonitor(t *testing.T) {
	c, ns := liveClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := OpenMonitor(ns, EventGroups{Datapaths: true, Vports: true, Flows: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	dp, err := c.AddDatapath(ctx, DatapathConfig{Name: "dp0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddVport(ctx, dp, VportConfig{Name: "i0", Type: VportInternal}); err != nil {
		t.Fatal(err)
	}
	_, match, err := odp.ParseFlow("in_port(0),eth(),eth_type(0x0806),arp()", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddFlow(ctx, dp, FlowSpec{Match: match}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetFlow(ctx, dp, FlowSpec{Match: match, Actions: odp.Actions{odp.Output{Port: 1}}}, FlowChange{}); err != nil {
		t.Fatal(err)
	}
	if err := c.DelFlow(ctx, dp, match, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.DelVport(ctx, dp, "i0"); err != nil {
		t.Fatal(err)
	}
	if err := c.DelDatapath(ctx, "dp0"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for len(got) < 7 {
		e, err := m.Receive(ctx)
		if err != nil {
			t.Fatalf("%v after %v", err, got)
		}
		what := "flow"
		switch {
		case e.Datapath != nil:
			what = e.Datapath.Name
		case e.Vport != nil:
			what = e.Vport.Name
		}
		got = append(got, what+" "+e.Kind.String())
	}
	want := []string{"dp0 new", "i0 new", "flow new", "flow changed", "flow deleted", "i0 deleted", "dp0 deleted"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
