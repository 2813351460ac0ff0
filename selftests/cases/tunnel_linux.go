// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

func tunnelCases() []selftests.Case {
	return []selftests.Case{{
		Name:  "ovs-psample-tunnel",
		Needs: []selftests.Feature{OpenVSwitch, Psample, PsampleAction, VXLAN},
		Doc:   "samples carry the tunnel metadata of vxlan between two datapaths, before and behind the tunnel",
		Run:   psampleTunnel,
	}}
}

// vxlanPort is a port of our own: the host's tunnels do not matter.
const vxlanPort = 14789

// setTunnel gives packets the metadata a tunnel port sends them by.
func setTunnel(t *selftests.T, id uint64, src, dst netip.Addr, tos, ttl byte) odp.Action {
	tunnel := nl.AppendAttr(nil, uapi.OVS_TUNNEL_KEY_ATTR_ID, binary.BigEndian.AppendUint64(nil, id))
	tunnel = nl.AppendAttr(tunnel, uapi.OVS_TUNNEL_KEY_ATTR_IPV4_SRC, src.AsSlice())
	tunnel = nl.AppendAttr(tunnel, uapi.OVS_TUNNEL_KEY_ATTR_IPV4_DST, dst.AsSlice())
	tunnel = nl.AppendUint8(tunnel, uapi.OVS_TUNNEL_KEY_ATTR_TOS, tos)
	tunnel = nl.AppendUint8(tunnel, uapi.OVS_TUNNEL_KEY_ATTR_TTL, ttl)
	data, err := nl.AppendNested(nil, uapi.OVS_KEY_ATTR_TUNNEL, func(b []byte) ([]byte, error) { return append(b, tunnel...), nil })
	t.Must(err)
	return odp.Raw{Type: uapi.OVS_ACTION_ATTR_SET, Nested: true, Data: data}
}

// psampleTunnel sends frames through two datapaths in two namespaces with a
// vxlan tunnel between them.
func psampleTunnel(t *selftests.T) {
	const (
		n  = 4
		id = 0x123456
	)
	far := topo.NewNS(t)
	near, farAddr := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	v1, p1 := topo.Veth(t, 1, t.NS(), t.NS())
	u1, u2 := topo.Veth(t, 2, t.NS(), far) // the underlay
	u1.AddAddr(t, netip.PrefixFrom(near, 24))
	u2.AddAddr(t, netip.PrefixFrom(farAddr, 24))
	v3, p3 := topo.Veth(t, 3, far, far)
	dp1, dp2 := topo.NewDatapath(t, t.NS(), "dp1"), topo.NewDatapath(t, far, "dp2")
	tun1, tun2 := topo.VXLAN(t, t.NS(), "vx1", vxlanPort), topo.VXLAN(t, far, "vx2", vxlanPort)
	in, out := dp1.AddDev(v1), dp1.AddDev(tun1)
	tunIn, farOut := dp2.AddDev(tun2), dp2.AddDev(v3)

	dp1.PutFlow(topo.Flow{InPort: in, Actions: odp.Actions{
		odp.Psample{Group: 1},
		setTunnel(t, id, near, farAddr, 0x20, 77),
		odp.Psample{Group: 2, Cookie: cookie16},
		odp.Output{Port: out},
	}})
	dp2.PutFlow(topo.Flow{InPort: tunIn, Actions: odp.Actions{
		odp.Trunc{MaxLen: 20}, odp.Psample{Group: 3, Cookie: cookie16}, odp.Output{Port: farOut},
	}})
	nearSamples, farSamples := topo.NewListener(t, t.NS()), topo.NewListener(t, far)
	recv := topo.NewReceiver(t, p3)
	frame := p1.UDPTo(p3, 100)
	topo.NewSender(t, p1).Send(frame, n)

	before := want{group: 1, rate: always, probability: true, iif: v1.Index, orig: len(frame), data: frame}
	inside := before
	inside.group, inside.cookie, inside.tunnel = 2, cookie16, true
	for i, s := range nearSamples.Expect(2 * n) {
		if i%2 == 0 {
			before.check(t, "before set(tunnel)", s)
			continue
		}
		inside.check(t, "behind set(tunnel)", s)
		checkTunnel(t, "behind set(tunnel)", s, id, near, farAddr, 0x20, 77)
	}
	recv.Expect(n, frame)
	behind := want{group: 3, rate: always, probability: true, iif: tun2.Index, orig: len(frame), data: frame[:20], cookie: cookie16, tunnel: true}
	for _, s := range farSamples.Expect(n) {
		behind.check(t, "received by the tunnel", s)
		checkTunnel(t, "received by the tunnel", s, id, near, farAddr, 0x20, 77)
	}
}

// checkTunnel compares the tunnel metadata of a sample.
func checkTunnel(t *selftests.T, what string, s topo.Sample, id uint64, src, dst netip.Addr, tos, ttl byte) {
	got := map[uint16][]byte{}
	for a, err := range nl.Attrs(s.TunnelRaw) {
		if err != nil {
			t.Fatalf("%s: tunnel metadata: %v\n%x", what, err, s.TunnelRaw)
		}
		got[a.Type] = a.Data
	}
	for _, w := range []struct {
		name  string
		attr  uint16
		value []byte
	}{
		{"id", uapi.PSAMPLE_TUNNEL_KEY_ATTR_ID, binary.BigEndian.AppendUint64(nil, id)},
		{"source", uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV4_SRC, src.AsSlice()},
		{"destination", uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV4_DST, dst.AsSlice()},
		{"tos", uapi.PSAMPLE_TUNNEL_KEY_ATTR_TOS, []byte{tos}},
		{"ttl", uapi.PSAMPLE_TUNNEL_KEY_ATTR_TTL, []byte{ttl}},
	} {
		if !bytes.Equal(got[w.attr], w.value) {
			t.Errorf("%s: tunnel %s %x, want %x", what, w.name, got[w.attr], w.value)
		}
	}
}
