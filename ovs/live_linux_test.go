// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// liveClient gives a client in a network namespace of its own, on a kernel that
// has the module.
func liveClient(t *testing.T) (*Client, *nl.NetNS) {
	t.Helper()
	ns, err := nl.NewNetNS()
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("needs root: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	c, err := Open(ns)
	if errors.Is(err, nl.ErrUnsupported) {
		t.Skipf("needs a kernel with Open vSwitch: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, ns
}

func TestLiveDatapath(t *testing.T) {
	c, _ := liveClient(t)
	ctx := t.Context()
	dp, err := c.AddDatapath(ctx, DatapathConfig{Name: "dp0", UserFeatures: uapi.OVS_DP_F_UNALIGNED})
	if err != nil {
		t.Fatal(err)
	}
	if dp.Name != "dp0" || dp.Ifindex == 0 || dp.UserFeatures != uapi.OVS_DP_F_UNALIGNED {
		t.Errorf("got %+v", dp)
	}
	if _, err := c.AddDatapath(ctx, DatapathConfig{Name: "dp0"}); !errors.Is(err, ErrDatapathExists) {
		t.Errorf("second add: %v", err)
	}
	if _, err := c.Datapath(ctx, "nope"); !errors.Is(err, ErrNoDatapath) {
		t.Errorf("unknown datapath: %v", err)
	}
	v, err := c.AddVport(ctx, dp, VportConfig{Name: "i0", Type: VportInternal, PortNo: 9})
	if err != nil {
		t.Fatal(err)
	}
	if v.PortNo != 9 || v.Name != "i0" || v.Type != VportInternal || v.Ifindex == 0 || v.DatapathIfindex != dp.Ifindex {
		t.Errorf("got %+v", v)
	}
	if _, err := c.AddVport(ctx, dp, VportConfig{Name: "i1", Type: VportInternal, PortNo: 9}); !errors.Is(err, ErrPortInUse) {
		t.Errorf("taken number: %v", err)
	}
	if _, err := c.AddVport(ctx, dp, VportConfig{Name: "nope"}); !errors.Is(err, ErrNoDevice) {
		t.Errorf("unknown device: %v", err)
	}
	if err := c.DelVport(ctx, dp, "i0"); err != nil {
		t.Error(err)
	}
	if err := c.DelVport(ctx, dp, "i0"); !errors.Is(err, ErrNoVport) {
		t.Errorf("second delete: %v", err)
	}
	if err := c.DelDatapath(ctx, "dp0"); err != nil {
		t.Error(err)
	}
	if err := c.DelDatapath(ctx, "dp0"); !errors.Is(err, ErrNoDatapath) {
		t.Errorf("second delete: %v", err)
	}
	if _, err := c.Vports(ctx, dp); !errors.Is(err, ErrNoDatapath) {
		t.Errorf("ports of a deleted datapath: %v", err)
	}
	for _, err := range c.Flows(ctx, dp, FlowDump{}) {
		if !errors.Is(err, ErrNoDatapath) {
			t.Errorf("flows of a deleted datapath: %v", err)
		}
	}
}

// Linux before 6.10 finds a device by an alternative name too, and the port goes
// by the real one; later the name has to be the real one.
func TestLivePortByAlternativeName(t *testing.T) {
	c, ns := liveClient(t)
	ctx := t.Context()
	const dev, alt = "real0", "alt0"
	route, err := nl.Dial(unix.NETLINK_ROUTE, ns)
	if err != nil {
		t.Fatal(err)
	}
	defer route.Close()
	link := func(typ uint16, flags netlink.HeaderFlags, attrs []byte) {
		t.Helper()
		data := append(make([]byte, unix.SizeofIfInfomsg), attrs...)
		if _, err := route.Execute(ctx, nl.Request{Op: "prepare device", Object: dev, Type: typ, Flags: flags, Data: data}); err != nil {
			t.Skipf("needs a veth device with an alternative name: %v", err)
		}
	}
	named := nl.AppendString(nil, unix.IFLA_IFNAME, dev)
	link(unix.RTM_NEWLINK, netlink.Create, nl.AppendAttr(named, unix.IFLA_LINKINFO, nl.AppendString(nil, unix.IFLA_INFO_KIND, "veth")))
	link(unix.RTM_NEWLINKPROP, netlink.Create|netlink.Append, nl.AppendAttr(named, unix.IFLA_PROP_LIST|nl.NestedFlag, nl.AppendString(nil, unix.IFLA_ALT_IFNAME, alt)))

	dp, err := c.AddDatapath(ctx, DatapathConfig{Name: "dp0"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.AddVport(ctx, dp, VportConfig{Name: alt, PortNo: 7})
	if errors.Is(err, ErrNoDevice) {
		v, err = c.AddVport(ctx, dp, VportConfig{Name: dev, PortNo: 7})
	}
	if err != nil || v.Name != dev || v.PortNo != 7 {
		t.Fatalf("got %+v, %v; want port 7 %s", v, err, dev)
	}
	if err := c.DelVport(ctx, dp, v.Name); err != nil {
		t.Error(err)
	}
}

func TestLiveFlows(t *testing.T) {
	c, _ := liveClient(t)
	ctx := t.Context()
	dp, err := c.AddDatapath(ctx, DatapathConfig{Name: "dp0"})
	if err != nil {
		t.Fatal(err)
	}
	spec := FlowSpec{}
	if spec.UFID, spec.Match, err = odp.ParseFlow("in_port(0),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/8,proto=17),udp(dst=53)", nil); err != nil {
		t.Fatal(err)
	}
	spec.Actions = odp.Actions{
		odp.Userspace{PID: 7, Userdata: []byte("hello")},
		odp.Sample{Probability: 5, Actions: odp.Actions{odp.Trunc{MaxLen: 60}, odp.Output{Port: 3}}},
		odp.Output{Port: 1},
	}
	if err := c.AddFlow(ctx, dp, spec); err != nil {
		t.Fatal(err)
	}
	if err := c.AddFlow(ctx, dp, spec); !errors.Is(err, ErrFlowExists) {
		t.Errorf("second add: %v", err)
	}
	flows := collect(t, c, dp)
	if len(flows) != 1 {
		t.Fatalf("%d flows, want 1", len(flows))
	}
	if d := cmp.Diff(spec.Actions, flows[0].Actions); d != "" {
		t.Errorf("actions (-want +got):\n%s", d)
	}
	want := "in_port(0),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17),udp(dst=53)"
	if got := flows[0].Match.String(); got != want {
		t.Errorf("match is %s, want %s", got, want)
	}
	spec.Actions = nil
	if err := c.PutFlow(ctx, dp, spec); err != nil {
		t.Error(err)
	}
	if flows = collect(t, c, dp); len(flows) != 1 || len(flows[0].Actions) != 0 {
		t.Errorf("after replacing the actions: %+v", flows)
	}
	deep := spec
	for range 20 {
		deep.Actions = odp.Actions{odp.Clone{Actions: deep.Actions}}
	}
	if err := c.PutFlow(ctx, dp, deep); !errors.Is(err, syscall.EOVERFLOW) || !strings.Contains(err.Error(), "nest deeper") {
		t.Errorf("20 levels of actions: %v", err)
	}
	if err := c.DelFlow(ctx, dp, odp.Match{}, nil); err == nil {
		t.Error("a delete without key was taken")
	}
	if err := c.DelFlow(ctx, dp, spec.Match, nil); err != nil {
		t.Error(err)
	}
	if err := c.DelFlow(ctx, dp, spec.Match, nil); !errors.Is(err, ErrNoFlow) {
		t.Errorf("second delete: %v", err)
	}
	if err := c.AddFlow(ctx, dp, spec); err != nil {
		t.Error(err)
	}
	if err := c.FlushFlows(ctx, dp); err != nil {
		t.Error(err)
	}
	if flows = collect(t, c, dp); len(flows) != 0 {
		t.Errorf("%d flows left", len(flows))
	}
}

func collect(t *testing.T, c *Client, dp Datapath) []Flow {
	t.Helper()
	var flows []Flow
	for f, err := range c.Flows(t.Context(), dp, FlowDump{}) {
		if err != nil {
			t.Fatal(err)
		}
		// A dump leaves the client free for other calls.
		if _, err := c.Datapath(t.Context(), dp.Name); err != nil {
			t.Fatal(err)
		}
		flows = append(flows, f.Clone())
	}
	return flows
}

func TestLiveUpcalls(t *testing.T) {
	c, ns := liveClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	up, err := OpenUpcalls(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	dp, err := c.AddDatapath(ctx, DatapathConfig{Name: "dp0", UpcallPID: up.PID()})
	if err != nil {
		t.Fatal(err)
	}

	// A frame out of the local port's device is a packet into the datapath.
	frame := append(bytes.Repeat([]byte{0xff}, 6), 2, 0, 0, 0, 0, 1, 0x88, 0xb5)
	frame = append(frame, bytes.Repeat([]byte{0x5a}, 50)...)
	send := func() {
		t.Helper()
		if err := ns.Do(func() error { return sendFrame("dp0", frame) }); err != nil {
			t.Fatal(err)
		}
	}
	receive := func() Upcall {
		t.Helper()
		for {
			u, err := up.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.HasPrefix(u.Packet, frame[:14]) { // not what the device itself says
				return u
			}
		}
	}
	send()
	u := receive()
	if u.Command != UpcallMiss || u.DatapathIfindex != dp.Ifindex || !bytes.Equal(u.Packet, frame) || !u.Key.Exact {
		t.Errorf("miss: %+v", u)
	}
	want := "skb_priority(0),in_port(0),skb_mark(0),eth(src=02:00:00:00:00:01,dst=ff:ff:ff:ff:ff:ff),eth_type(0x88b5)"
	if got := knownKey(u.Key).String(); got != want {
		t.Errorf("key is %s\nwant %s", got, want)
	}

	_, match, err := odp.ParseFlow("in_port(0),eth(),eth_type(0x88b5)", nil)
	if err != nil {
		t.Fatal(err)
	}
	flow := FlowSpec{Match: match, Actions: odp.Actions{
		odp.Trunc{MaxLen: 20}, odp.Userspace{PID: up.PID(), Userdata: []byte{1, 2, 3}, Actions: true}, odp.Output{Port: 5},
	}}
	if err := c.AddFlow(ctx, dp, flow); err != nil {
		t.Fatal(err)
	}
	send()
	u = receive()
	if u.Command != UpcallAction || !bytes.Equal(u.Packet, frame[:20]) || !bytes.Equal(u.Userdata, []byte{1, 2, 3}) || u.Len != uint32(len(frame)) {
		t.Errorf("action: %+v", u)
	}
	if d := cmp.Diff(flow.Actions, u.Actions); d != "" {
		t.Errorf("actions (-want +got):\n%s", d)
	}

	short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	for {
		if _, err := up.Receive(short); err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("nothing to receive: %v", err)
			}
			break
		}
	}
	send()
	if u = receive(); u.Command != UpcallAction {
		t.Errorf("after a timeout: %+v", u)
	}
}

// knownKey leaves out what depends on the kernel's configuration: conntrack,
// the packet hash, recirculation.
func knownKey(m odp.Match) odp.Match {
	out := odp.Match{Exact: m.Exact}
	for _, f := range m.Fields {
		switch f.Type {
		case uapi.OVS_KEY_ATTR_PRIORITY, uapi.OVS_KEY_ATTR_IN_PORT, uapi.OVS_KEY_ATTR_SKB_MARK,
			uapi.OVS_KEY_ATTR_ETHERNET, uapi.OVS_KEY_ATTR_ETHERTYPE:
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

// sendFrame brings a device up and sends a frame out of it.
func sendFrame(device string, frame []byte) error {
	s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	ifr, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr); err != nil {
		return err
	}
	i, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	return unix.Sendto(s, frame, 0, &unix.SockaddrLinklayer{Ifindex: i.Index})
}

func TestLivePsampleProbe(t *testing.T) {
	c, _ := liveClient(t)
	supported, err := ProbePsampleAction(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dp, err := c.AddDatapath(t.Context(), DatapathConfig{Name: "dp0"})
	if err != nil {
		t.Fatal(err)
	}
	_, match, err := odp.ParseFlow("in_port(0),eth(),eth_type(0x0806),arp()", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		action odp.Action
		errno  error // on a kernel that has the action
	}{
		"plain":           {odp.Psample{Group: 1, Cookie: []byte{1, 2}}, nil},
		"empty cookie":    {odp.Psample{Group: 1, Cookie: []byte{}}, nil},
		"17-byte cookie":  {odp.Psample{Group: 1, Cookie: make([]byte, 17)}, syscall.ERANGE},
		"no group":        {odp.Raw{Type: uapi.OVS_ACTION_ATTR_PSAMPLE, Nested: true}, syscall.EINVAL},
		"nested flag off": {odp.Raw{Type: uapi.OVS_ACTION_ATTR_PSAMPLE, Data: nl.AppendUint32(nil, uapi.OVS_PSAMPLE_ATTR_GROUP, 1)}, syscall.EINVAL},
	} {
		want := tt.errno
		if !supported {
			want = syscall.EINVAL
		}
		err := c.PutFlow(t.Context(), dp, FlowSpec{Match: match, Actions: odp.Actions{tt.action}})
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}
