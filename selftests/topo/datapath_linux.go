// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
)

// Datapath is an Open vSwitch kernel datapath of the case.
type Datapath struct {
	t  *selftests.T
	ns *nl.NetNS
	c  *ovs.Client
	dp ovs.Datapath
}

// NewDatapath makes a datapath in a namespace. It has no flows and nobody who
// is told about misses: what matches no flow is dropped.
func NewDatapath(t *selftests.T, ns *nl.NetNS, name string) *Datapath {
	c, err := ovs.Open(ns)
	t.Must(err)
	t.Cleanup(func() { _ = c.Close() })
	dp, err := c.AddDatapath(t.Context(), ovs.DatapathConfig{Name: name})
	t.Must(err)
	t.Cleanup(func() {
		// The case's context may be over; what it made has to go all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := c.DelDatapath(ctx, name); err != nil {
			t.Errorf("%v", err)
		}
	})
	return &Datapath{t: t, ns: ns, c: c, dp: dp}
}

// Ports are the datapath's, the local one among them.
func (d *Datapath) Ports() []ovs.Vport {
	out, err := d.c.Vports(d.t.Context(), d.dp)
	d.t.Must(err)
	return out
}

// TryPort makes a port by a device's name, with the kernel's refusal as the
// result.
func (d *Datapath) TryPort(name string) error {
	_, err := d.c.AddVport(d.t.Context(), d.dp, ovs.VportConfig{Name: name})
	return err
}

// AddDev makes a port of a device and returns its number.
func (d *Datapath) AddDev(dev Dev) uint32 {
	v, err := d.c.AddVport(d.t.Context(), d.dp, ovs.VportConfig{Name: dev.Name})
	d.t.Must(err)
	return v.PortNo
}

// Flow is a flow that takes every packet of a port, or of a recirculation.
type Flow struct {
	InPort uint32
	Recirc uint32
	// Types are those of up to two tags, from outside in, and what follows
	// them. None matches packets without tags.
	Types   []uint16
	Actions odp.Actions
}

func (f Flow) match() odp.Match {
	u32 := func(typ uint16, v uint32) odp.Field {
		return odp.Field{Type: typ, Value: binary.NativeEndian.AppendUint32(nil, v), Mask: []byte{0xff, 0xff, 0xff, 0xff}}
	}
	// The kernel insists on an Ethernet header; its mask is all zeros.
	eth := odp.Field{Type: uapi.OVS_KEY_ATTR_ETHERNET, Value: make([]byte, 12), Mask: make([]byte, 12)}
	return odp.Match{Fields: append([]odp.Field{
		u32(uapi.OVS_KEY_ATTR_RECIRC_ID, f.Recirc),
		u32(uapi.OVS_KEY_ATTR_IN_PORT, f.InPort),
		eth,
	}, tagged(f.Types)...)}
}

// tagged matches packets with tags. Of a tag the kernel wants its type matched
// and the bit that tells a tag from none, and of what follows the type, too.
func tagged(types []uint16) []odp.Field {
	if len(types) == 0 {
		return nil
	}
	fields := []odp.Field{{Type: uapi.OVS_KEY_ATTR_ETHERTYPE, Value: binary.BigEndian.AppendUint16(nil, types[0]), Mask: []byte{0xff, 0xff}}}
	if len(types) == 1 {
		if types[0] == EtherTypeIPv4 {
			// Has to be there; any will do.
			fields = append(fields, odp.Field{Type: uapi.OVS_KEY_ATTR_IPV4, Value: make([]byte, 12)})
		}
		return fields
	}
	present := []byte{0x10, 0}
	inner := odp.Match{Fields: tagged(types[1:])}
	encap := odp.Field{Type: uapi.OVS_KEY_ATTR_ENCAP}
	// They are a handful of bytes: neither can fail.
	encap.Value, _ = inner.AppendKey(nil)
	encap.Mask, _ = inner.AppendMask(nil)
	return append(fields, odp.Field{Type: uapi.OVS_KEY_ATTR_VLAN, Value: present, Mask: present}, encap)
}

// PutFlow installs a flow, or gives the one for the same packets new actions.
func (d *Datapath) PutFlow(f Flow) { d.t.Must(d.TryFlow(f)) }

// TryFlow is PutFlow with the kernel's refusal as the result.
func (d *Datapath) TryFlow(f Flow) error {
	return d.c.PutFlow(d.t.Context(), d.dp, ovs.FlowSpec{Match: f.match(), Actions: f.Actions})
}

// Flows dumps the flow table.
func (d *Datapath) Flows() []ovs.Flow {
	var out []ovs.Flow
	for f, err := range d.c.Flows(d.t.Context(), d.dp, ovs.FlowDump{}) {
		d.t.Must(err)
		out = append(out, f.Clone())
	}
	return out
}

// RawActions returns the actions of every flow as the kernel dumps them, byte
// by byte.
func (d *Datapath) RawActions() [][]byte {
	g, f := d.generic(uapi.OVS_FLOW_FAMILY)
	var out [][]byte
	for m, err := range g.Dump(d.t.Context(), nl.GenericRequest{
		Op: "dump flows of datapath", Object: d.dp.Name, Family: f, Command: uapi.OVS_FLOW_CMD_GET,
		Version: uapi.OVS_FLOW_VERSION, Header: d.header(),
	}) {
		d.t.Must(err)
		for a, err := range nl.Attrs(m.Data[ovsHeaderLen:]) {
			d.t.Must(err)
			if a.Type == uapi.OVS_FLOW_ATTR_ACTIONS {
				out = append(out, a.Data)
			}
		}
	}
	return out
}

// Execute has the datapath run actions on a packet as if it had come in by a
// port (OVS_PACKET_CMD_EXECUTE).
func (d *Datapath) Execute(inPort uint32, frame []byte, actions odp.Actions) {
	d.ExecuteWith(inPort, frame, actions, nil)
}

// ExecuteWith is Execute with further OVS_PACKET_ATTR_* attributes.
func (d *Datapath) ExecuteWith(inPort uint32, frame []byte, actions odp.Actions, extra []byte) {
	g, f := d.generic(uapi.OVS_PACKET_FAMILY)
	attrs, err := executeAttrs(inPort, frame, actions)
	d.t.Must(err)
	attrs = append(attrs, extra...)
	_, err = g.Execute(d.t.Context(), nl.GenericRequest{
		Op: "inject packet into datapath", Object: d.dp.Name, Family: f, Command: uapi.OVS_PACKET_CMD_EXECUTE,
		Version: uapi.OVS_PACKET_VERSION, Header: d.header(), Attrs: attrs,
	})
	d.t.Must(err)
}

func executeAttrs(inPort uint32, frame []byte, actions odp.Actions) ([]byte, error) {
	attrs := nl.AppendAttr(nil, uapi.OVS_PACKET_ATTR_PACKET, frame)
	attrs, err := nl.AppendNested(attrs, uapi.OVS_PACKET_ATTR_KEY, func(b []byte) ([]byte, error) {
		b = nl.AppendUint32(b, uapi.OVS_KEY_ATTR_IN_PORT, inPort)
		return nl.AppendAttr(b, uapi.OVS_KEY_ATTR_ETHERNET, frame[:12]), nil
	})
	if err != nil {
		return nil, err
	}
	return nl.AppendNested(attrs, uapi.OVS_PACKET_ATTR_ACTIONS, actions.AppendNetlink)
}

// ovsHeaderLen is sizeof(struct ovs_header), linux/openvswitch.h.
const ovsHeaderLen = 4

func (d *Datapath) header() []byte {
	return binary.NativeEndian.AppendUint32(nil, uint32(d.dp.Ifindex))
}

func (d *Datapath) generic(family string) (*nl.Generic, nl.Family) {
	g, err := nl.DialGeneric(d.ns)
	d.t.Must(err)
	d.t.Cleanup(func() { _ = g.Close() })
	f, err := g.Family(family, "openvswitch")
	d.t.Must(err)
	return g, f
}

// WaitPackets waits until the only flow has counted n packets.
func (d *Datapath) WaitPackets(n int) {
	deadline := time.Now().Add(patience)
	for {
		flows := d.Flows()
		if len(flows) != 1 {
			d.t.Fatalf("datapath %s has %d flows, want 1", d.dp.Name, len(flows))
		}
		switch got := flows[0].Packets; {
		case got == uint64(n):
			return
		case got > uint64(n) || time.Now().After(deadline):
			d.t.Fatalf("the flow of datapath %s counted %d packets, want %d", d.dp.Name, got, n)
		}
		time.Sleep(time.Millisecond)
	}
}

// Upcalls is a socket for what datapaths send to user space.
type Upcalls struct {
	t *selftests.T
	s *ovs.UpcallSocket
}

// NewUpcalls opens a socket for upcalls in the datapath's namespace.
func NewUpcalls(t *selftests.T, ns *nl.NetNS) *Upcalls {
	s, err := ovs.OpenUpcalls(ns)
	t.Must(err)
	t.Cleanup(func() { _ = s.Close() })
	return &Upcalls{t: t, s: s}
}

// PID is what userspace actions name the socket by.
func (u *Upcalls) PID() uint32 { return u.s.PID() }

// Take returns all upcalls that have been sent so far. To know where they end
// it has the datapath send one more, by a packet of its own.
func (u *Upcalls) Take(d *Datapath, inPort uint32, frame []byte) []ovs.Upcall {
	end := []byte("end of upcalls")
	d.Execute(inPort, frame, odp.Actions{odp.Userspace{PID: u.PID(), Userdata: end}})
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	var out []ovs.Upcall
	for {
		got, err := u.s.Receive(ctx)
		if err != nil {
			u.t.Fatalf("receive upcalls, after %d: %v", len(out), err)
		}
		if bytes.Equal(got.Userdata, end) {
			return out
		}
		out = append(out, got)
	}
}
