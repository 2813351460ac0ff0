// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/nltest"
	"github.com/dpscope/dpscope/ovs/odp"
)

// recordedDatapath prepares what recordedReads reads.
func recordedDatapath(ctx context.Context, c *Client) error {
	dp, err := c.AddDatapath(ctx, DatapathConfig{Name: "dp0", UserFeatures: 1})
	if err != nil {
		return err
	}
	if _, err := c.AddVport(ctx, dp, VportConfig{Name: "i0", Type: VportInternal, PortNo: 7}); err != nil {
		return err
	}
	for flow, actions := range recordedFlows {
		spec := FlowSpec{}
		if spec.UFID, spec.Match, err = odp.ParseFlow(flow, nil); err == nil {
			spec.Actions, err = odp.ParseActions(actions, nil)
		}
		if err == nil {
			err = c.AddFlow(ctx, dp, spec)
		}
		if err != nil {
			return err
		}
	}
	_, err = c.SetMeter(ctx, dp, MeterConfig{ID: 1, Bands: []BandConfig{{Rate: 100, Burst: 10}}})
	return err
}

var recordedFlows = map[string]string{
	"ufid:00000001-0002-0003-0004-000500060007,in_port(0),eth(),eth_type(0x0806),arp(op=1)": "trunc(14),7",
	"in_port(7),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17),udp(dst=53)":   "sample(sample=50.0%,actions(7)),0",
	"in_port(7),eth(),eth_type(0x86dd),ipv6(proto=58),icmpv6(type=128)":                     "drop",
}

// recordedReads reads all there is of dp0, as lines.
func recordedReads(ctx context.Context, c *Client) (lines []string, err error) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	dps, err := c.Datapaths(ctx)
	if err != nil || len(dps) != 1 {
		return nil, fmt.Errorf("%d datapaths, %w", len(dps), err)
	}
	dp, err := c.Datapath(ctx, "dp0")
	if err != nil {
		return nil, err
	}
	say("%s features %d flows %d same %t", dp.Name, dp.UserFeatures, dp.Stats.Flows, cmp.Equal(dps[0], dp))
	vports, err := c.Vports(ctx, dp)
	if err != nil {
		return nil, err
	}
	for _, v := range vports {
		say("port %d %s %s", v.PortNo, v.Name, v.Type)
	}
	v, err := c.VportByNumber(ctx, dp, 7)
	say("port 7 is %s, %v", v.Name, err)
	var flows []string
	for f, err := range c.Flows(ctx, dp, FlowDump{}) {
		if err != nil {
			return nil, err
		}
		text := f.Match.String()
		if f.UFID != nil {
			text = "ufid:" + f.UFID.String() + "," + text
		}
		flows = append(flows, "flow "+text+" "+f.Actions.String())
	}
	slices.Sort(flows) // the kernel goes by their hash
	lines = append(lines, flows...)
	m, err := c.Meter(ctx, dp, 1)
	say("meter %d: %d bands, %v", m.ID, len(m.Bands), err)
	_, derr := c.Datapath(ctx, "nope")
	_, verr := c.Vport(ctx, dp, "nope")
	_, merr := c.Meter(ctx, dp, 2)
	say("absent: %t %t %t", errors.Is(derr, ErrNoDatapath), errors.Is(verr, ErrNoVport), errors.Is(merr, ErrNoMeter))
	return lines, nil
}

var recordedWant = []string{
	"dp0 features 1 flows 3 same true",
	"port 0 dp0 internal",
	"port 7 i0 internal",
	"port 7 is i0, <nil>",
	"flow in_port(7),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17),udp(dst=53) sample(sample=50.0%,actions(7)),0",
	"flow in_port(7),eth(),eth_type(0x86dd),ipv6(proto=58),key32(00 00/00 00),icmpv6(type=128) drop", // extension headers, which Open vSwitch has no word for
	"flow ufid:00000001-0002-0003-0004-000500060007,in_port(0),eth(),eth_type(0x0806),arp(op=1/0xff) trunc(14),7",
	"meter 1: 1 bands, <nil>",
	"absent: true true true",
}

// TestLiveRecord reads through the recorder, and once more from what was
// recorded.
func TestLiveRecord(t *testing.T) {
	c, ns := liveClient(t)
	if err := recordedDatapath(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	r := nltest.Record(ns)
	read := func(from string, ns *nl.NetNS) {
		t.Helper()
		c, err := Open(ns)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, err := recordedReads(t.Context(), c)
		if d := cmp.Diff(recordedWant, got); err != nil || d != "" {
			t.Fatalf("%s: %v (-want +got):\n%s", from, err, d)
		}
	}
	read("kernel", r.NetNS())
	var notes bytes.Buffer
	if _, err := r.WriteTo(&notes); err != nil {
		t.Fatal(err)
	}
	h, err := nltest.Replay(&notes)
	if err != nil {
		t.Fatal(err)
	}
	read("notes", nltest.New(h).NetNS())
}
