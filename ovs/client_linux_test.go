// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/nltest"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// What the kernel refuses has a type, keeps its errno and says where.
func TestErrors(t *testing.T) {
	_, match, err := odp.ParseFlow("in_port(1),eth()", nil)
	if err != nil {
		t.Fatal(err)
	}
	flow := FlowSpec{Match: match, UFID: odp.UFID{1, 2, 3, 4}}
	tests := []struct {
		name  string
		call  func(context.Context, *Client) error
		errno syscall.Errno
		want  []error
		text  string
	}{
		{"datapath", func(ctx context.Context, c *Client) error { _, err := c.Datapath(ctx, "x"); return err },
			syscall.ENODEV, []error{ErrNoDatapath}, "find datapath x: no such device (no datapath has this name)"},
		{"add datapath", func(ctx context.Context, c *Client) error {
			_, err := c.AddDatapath(ctx, DatapathConfig{Name: "x"})
			return err
		}, syscall.EEXIST, []error{ErrDatapathExists, ErrExists}, "add datapath x: file exists (a datapath or another device has this name)"},
		{"permission", func(ctx context.Context, c *Client) error { return c.DelDatapath(ctx, "x") },
			syscall.EPERM, []error{ErrPermission}, "delete datapath x: operation not permitted (needs CAP_NET_ADMIN in the network namespace's user namespace; run as root)"},
		{"features", func(ctx context.Context, c *Client) error {
			_, err := c.SetDatapath(ctx, fakeDP, DatapathChange{UserFeatures: new(uint32(1 << 9))})
			return err
		}, syscall.EOPNOTSUPP, []error{ErrUnsupported}, "change datapath dp0: operation not supported (this kernel lacks one of the user features)"},
		{"port", func(ctx context.Context, c *Client) error { _, err := c.Vport(ctx, fakeDP, "x"); return err },
			syscall.ENODEV, []error{ErrNoVport}, "find port x of datapath dp0: no such device (the datapath has no port of this name)"},
		{"port number", func(ctx context.Context, c *Client) error { _, err := c.VportByNumber(ctx, fakeDP, 70000); return err },
			syscall.EFBIG, []error{ErrNoVport}, "find port 70000 of datapath dp0: file too large (port numbers are below 65535)"},
		{"port options", func(ctx context.Context, c *Client) error {
			_, err := c.SetVport(ctx, fakeDP, "x", VportChange{Tunnel: &TunnelOptions{DstPort: 1}})
			return err
		}, syscall.EOPNOTSUPP, []error{ErrUnsupported}, "change port x of datapath dp0: operation not supported (the kernel cannot change the options of a port: delete and add it)"},
		{"port taken", func(ctx context.Context, c *Client) error {
			_, err := c.AddVport(ctx, fakeDP, VportConfig{Name: "x"})
			return err
		}, syscall.EBUSY, []error{ErrPortInUse, ErrExists}, "add port x of datapath dp0: device or resource busy (the device belongs to another datapath, bridge or bond, or the port number is taken)"},
		{"flow", func(ctx context.Context, c *Client) error { _, err := c.GetFlow(ctx, fakeDP, match, nil); return err },
			syscall.ENOENT, []error{ErrNoFlow}, "get flow of datapath dp0: no such file or directory (no flow has this key and mask, or this id)"},
		{"add flow", func(ctx context.Context, c *Client) error { return c.AddFlow(ctx, fakeDP, flow) },
			syscall.EEXIST, []error{ErrFlowExists, ErrExists}, "add flow of datapath dp0: file exists (a flow with this key or id is there)"},
		{"change flow", func(ctx context.Context, c *Client) error {
			_, err := c.SetFlow(ctx, fakeDP, flow, FlowChange{})
			return err
		}, syscall.ENOENT, []error{ErrNoFlow}, "change flow of datapath dp0: no such file or directory (no flow has this key and mask, or this id)"},
		{"dump", func(ctx context.Context, c *Client) error {
			for _, err := range c.Flows(ctx, fakeDP, FlowDump{}) {
				return err
			}
			return nil
		}, syscall.ENODEV, []error{ErrNoDatapath}, "dump flows of datapath dp0: no such device (the datapath is gone)"},
		{"meter", func(ctx context.Context, c *Client) error { _, err := c.Meter(ctx, fakeDP, 5); return err },
			syscall.ENOENT, []error{ErrNoMeter}, "read meter 5 of datapath dp0: no such file or directory (the datapath has no meter of this number)"},
		{"execute", func(ctx context.Context, c *Client) error {
			return c.ExecutePacket(ctx, fakeDP, Execute{Packet: []byte{1}, Key: match, Probe: true})
		}, syscall.EINVAL, nil, "execute packet in datapath dp0: invalid argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := fakeKernel(t, func(fakeRequest) ([][]byte, netlink.Message) { return nil, nltest.Ack(tt.errno, "", 0) })
			err := tt.call(t.Context(), c)
			for _, want := range append(tt.want, tt.errno) {
				if !errors.Is(err, want) {
					t.Errorf("%v does not match %v", err, want)
				}
			}
			if err == nil || err.Error() != tt.text {
				t.Errorf("got  %v\nwant %s", err, tt.text)
			}
		})
	}
}

// The kernel's text and the attribute it names reach the caller.
func TestExtendedAck(t *testing.T) {
	_, match, err := odp.ParseFlow("in_port(1),eth()", nil)
	if err != nil {
		t.Fatal(err)
	}
	const at = 16 + nl.GenlHeaderLen + headerLen + 4 // the first attribute of OVS_FLOW_ATTR_KEY
	c, _ := fakeKernel(t, func(fakeRequest) ([][]byte, netlink.Message) {
		return nil, nltest.Ack(syscall.EINVAL, "not today", at)
	})
	err = c.PutFlow(t.Context(), fakeDP, FlowSpec{Match: match, Probe: true})
	ne, ok := errors.AsType[*nl.Error](err)
	if !ok || ne.Msg != "not today" || ne.Path != "OVS_FLOW_ATTR_KEY/OVS_KEY_ATTR_IN_PORT" {
		t.Errorf("got %v", err)
	}
}

func TestMissingModule(t *testing.T) {
	k := nltest.New(func(nltest.Request) []netlink.Message { return []netlink.Message{nltest.Ack(syscall.ENOENT, "", 0)} })
	if _, err := Open(k.NetNS()); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "modprobe openvswitch") {
		t.Errorf("got %v", err)
	}
}

// A change of something else must not take the user features away.
func TestSetDatapathKeepsFeatures(t *testing.T) {
	var sent fakeRequest
	c, _ := fakeKernel(t, func(r fakeRequest) ([][]byte, netlink.Message) {
		if r.command == uapi.OVS_DP_CMD_SET {
			sent = r
		}
		return [][]byte{datapathMessage()}, ackOK // its features are 3
	})
	dp, err := c.SetDatapath(t.Context(), fakeDP, DatapathChange{MasksCacheSize: new(uint32(512))})
	if err != nil || dp.UserFeatures != 3 {
		t.Errorf("got %+v, %v", dp, err)
	}
	features, _ := sent.attr(uapi.OVS_DP_ATTR_USER_FEATURES)
	size, _ := sent.attr(uapi.OVS_DP_ATTR_MASKS_CACHE_SIZE)
	if f, _ := features.Uint32(); f != 3 {
		t.Errorf("features %d sent, want 3", f)
	}
	if s, _ := size.Uint32(); s != 512 {
		t.Errorf("size %d sent, want 512", s)
	}
	if sent.flags&netlink.Echo == 0 {
		t.Error("the answer was not asked for")
	}
}

// The kernel acknowledges the deletion of a meter that is not there.
func TestDelMeter(t *testing.T) {
	answer := appendHeader(nil, 12)
	c, _ := fakeKernel(t, func(fakeRequest) ([][]byte, netlink.Message) { return [][]byte{answer}, ackOK })
	if _, err := c.DelMeter(t.Context(), fakeDP, 0); !errors.Is(err, ErrNoMeter) {
		t.Errorf("got %v", err)
	}
	answer = meterMessage()
	if m, err := c.DelMeter(t.Context(), fakeDP, 7); err != nil || m.Packets != 5 {
		t.Errorf("got %+v, %v", m, err)
	}
}

// Flows reuses memory; a clone stays.
func TestFlowsReuse(t *testing.T) {
	msgs := benchFlows(t, 50)
	c, _ := fakeKernel(t, func(fakeRequest) ([][]byte, netlink.Message) { return msgs, nltest.Done() })
	var flows []Flow
	for f, err := range c.Flows(t.Context(), fakeDP, FlowDump{}) {
		if err != nil {
			t.Fatal(err)
		}
		flows = append(flows, f.Clone())
	}
	if len(flows) != len(msgs) {
		t.Fatalf("%d flows, want %d", len(flows), len(msgs))
	}
	for i, f := range flows {
		want, err := DecodeFlow(msgs[i])
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, f); d != "" {
			t.Fatalf("flow %d (-want +got):\n%s", i, d)
		}
	}
}

// An interrupted dump gives all flows, then the error.
func TestFlowsInterrupted(t *testing.T) {
	c, _ := fakeKernel(t, func(fakeRequest) ([][]byte, netlink.Message) {
		end := nltest.Done()
		return benchFlows(t, 3), end
	})
	k := nltest.New(func(r nltest.Request) []netlink.Message {
		if r.Message.Header.Type == ctrlID {
			return []netlink.Message{controller(r.Message)}
		}
		var out []netlink.Message
		for _, b := range benchFlows(t, 3) {
			m := genlMessage(familyID(uapi.OVS_FLOW_FAMILY), uapi.OVS_FLOW_CMD_GET, b)
			m.Header.Flags = netlink.Multi | netlink.DumpInterrupted
			out = append(out, m)
		}
		return append(out, nltest.Done())
	})
	c2, err := Open(k.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	defer c2.Close()
	for name, tt := range map[string]struct {
		c    *Client
		want error
	}{"whole": {c, nil}, "interrupted": {c2, ErrInterrupted}} {
		n := 0
		var last error
		for _, err := range tt.c.Flows(t.Context(), fakeDP, FlowDump{}) {
			if err != nil {
				last = err
				continue
			}
			n++
		}
		if n != 3 || !errors.Is(last, tt.want) {
			t.Errorf("%s: %d flows, then %v", name, n, last)
		}
	}
}

// The kernel leaves actions out of a dump that are too long for it: that is no
// drop. A flow that is gone meanwhile is no flow.
func TestFlowsLongActions(t *testing.T) {
	short := nl.AppendAttr(appendHeader(nil, 12), uapi.OVS_FLOW_ATTR_UFID, []byte{1, 2, 3, 4})
	gone := nl.AppendAttr(appendHeader(nil, 12), uapi.OVS_FLOW_ATTR_UFID, []byte{5, 6, 7, 8})
	c, k := fakeKernel(t, func(r fakeRequest) ([][]byte, netlink.Message) {
		if r.flags&netlink.Dump != 0 {
			return [][]byte{short, gone}, nltest.Done()
		}
		if id, _ := r.attr(uapi.OVS_FLOW_ATTR_UFID); id.Data[0] == 5 {
			return nil, nltest.Ack(syscall.ENOENT, "", 0)
		}
		return [][]byte{flowMessage(t)}, ackOK
	})
	var got []string
	for f, err := range c.Flows(t.Context(), fakeDP, FlowDump{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Actions.String())
	}
	if d := cmp.Diff([]string{"trunc(14),psample(group=7,cookie=0xc0ffee)"}, got); d != "" {
		t.Errorf("(-want +got):\n%s\n%v", d, commands(k))
	}
	for _, err := range c.Flows(t.Context(), fakeDP, FlowDump{Omit: uapi.OVS_UFID_F_OMIT_ACTIONS}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(commands(k)); n != 4 { // two dumps, two flows read again
		t.Errorf("%d requests: %v", n, commands(k))
	}
}

func TestMonitor(t *testing.T) {
	_, k := fakeKernel(t, func(fakeRequest) ([][]byte, netlink.Message) { return nil, ackOK })
	m, err := OpenMonitor(k.NetNS(), EventGroups{Datapaths: true, Vports: true, Flows: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	publish := func(family string, command uint8, payload []byte) {
		t.Helper()
		if n := k.Publish(fakeGroup+uint32(familyID(family)), genlMessage(familyID(family), command, payload)); n != 1 {
			t.Fatalf("%d listen to %s", n, family)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	receive := func() Event {
		t.Helper()
		e, err := m.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	publish(uapi.OVS_DATAPATH_FAMILY, uapi.OVS_DP_CMD_NEW, datapathMessage())
	if e := receive(); e.Kind != EventNew || e.Datapath == nil || e.Datapath.Name != "dp0" {
		t.Errorf("got %+v", e)
	}
	publish(uapi.OVS_VPORT_FAMILY, uapi.OVS_VPORT_CMD_DEL, vportMessage())
	if e := receive(); e.Kind != EventDeleted || e.Vport == nil || e.Vport.Name != "vx0" {
		t.Errorf("got %+v", e)
	}
	publish(uapi.OVS_FLOW_FAMILY, uapi.OVS_FLOW_CMD_SET, flowMessage(t))
	if e := receive(); e.Kind != EventChanged || e.Flow == nil || e.Flow.Packets != 3 {
		t.Errorf("got %+v", e)
	}

	// A loss and a message that cannot be read stand in their place; the walk
	// goes on and ends with the context.
	k.Overflow(fakeGroup + uint32(familyID(uapi.OVS_VPORT_FAMILY)))
	var seen []string
	for e, err := range m.Events(ctx) {
		switch {
		case errors.Is(err, ErrEventsLost):
			seen = append(seen, "lost")
			publish(uapi.OVS_VPORT_FAMILY, uapi.OVS_VPORT_CMD_NEW, []byte{1})
		case err != nil:
			seen = append(seen, "bad")
			publish(uapi.OVS_VPORT_FAMILY, uapi.OVS_VPORT_CMD_NEW, vportMessage())
		default:
			seen = append(seen, e.Kind.String())
			cancel()
		}
	}
	if d := cmp.Diff([]string{"lost", "bad", "new"}, seen); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := OpenMonitor(k.NetNS(), EventGroups{}); err == nil {
		t.Error("a monitor without groups was opened")
	}
}

// Reading sends nothing that could change anything: GET with and without DUMP,
// and the meters' FEATURES.
func TestReadsOnlyRead(t *testing.T) {
	c, k := fakeKernel(t, func(r fakeRequest) ([][]byte, netlink.Message) {
		if r.flags&netlink.Dump != 0 {
			return nil, nltest.Done()
		}
		return [][]byte{appendHeader(nil, 12)}, ackOK
	})
	ctx := t.Context()
	_, match, err := odp.ParseFlow("in_port(1),eth()", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"Datapaths":     func() error { _, err := c.Datapaths(ctx); return err },
		"Datapath":      func() error { _, err := c.Datapath(ctx, "dp0"); return err },
		"Vports":        func() error { _, err := c.Vports(ctx, fakeDP); return err },
		"Vport":         func() error { _, err := c.Vport(ctx, fakeDP, "p0"); return err },
		"VportByNumber": func() error { _, err := c.VportByNumber(ctx, fakeDP, 1); return err },
		"GetFlow":       func() error { _, err := c.GetFlow(ctx, fakeDP, match, nil); return err },
		"MeterFeatures": func() error { _, err := c.MeterFeatures(ctx, fakeDP); return err },
		"Meter":         func() error { _, err := c.Meter(ctx, fakeDP, 1); return err },
		"ZoneLimits":    func() error { _, err := c.ZoneLimits(ctx); return err },
		"Flows": func() error {
			for _, err := range c.Flows(ctx, fakeDP, FlowDump{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"OpenMonitor": func() error {
			m, err := OpenMonitor(k.NetNS(), EventGroups{Datapaths: true, Vports: true, Flows: true})
			if err == nil {
				err = m.Close()
			}
			return err
		},
	} {
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The packet family has nothing to read.
	reads := map[string][]uint8{
		uapi.OVS_DATAPATH_FAMILY: {uapi.OVS_DP_CMD_GET},
		uapi.OVS_VPORT_FAMILY:    {uapi.OVS_VPORT_CMD_GET},
		uapi.OVS_FLOW_FAMILY:     {uapi.OVS_FLOW_CMD_GET},
		uapi.OVS_METER_FAMILY:    {uapi.OVS_METER_CMD_GET, uapi.OVS_METER_CMD_FEATURES},
		uapi.OVS_CT_LIMIT_FAMILY: {uapi.OVS_CT_LIMIT_CMD_GET},
	}
	for _, r := range k.Requests() {
		m := r.Message
		if m.Header.Type == ctrlID {
			if m.Data[0] != ctrlGetFamily {
				t.Errorf("controller command %d", m.Data[0])
			}
			continue
		}
		family := fakeFamilies[m.Header.Type-fakeID]
		ok := false
		for _, command := range reads[family] {
			ok = ok || command == m.Data[0]
		}
		if !ok {
			t.Errorf("%s command %d was sent", family, m.Data[0])
		}
	}
	if n := len(commands(k)); n != 10 {
		t.Errorf("%d requests: %v", n, commands(k))
	}
}
