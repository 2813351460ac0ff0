// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"bytes"
	"fmt"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// userspaceCases are about packets the datapath hands to user space.
func userspaceCases() []selftests.Case {
	plain := []selftests.Feature{OpenVSwitch}
	action := []selftests.Feature{OpenVSwitch, Psample, PsampleAction}
	return []selftests.Case{
		{
			Name: "ovs-userspace", Needs: plain,
			Doc: "the userspace action hands packet, userdata and actions to the socket it names",
			Run: ovsUserspace,
		},
		{
			Name: "ovs-trunc-userspace", Needs: plain,
			Doc: "trunc cuts what user space gets, reports the length, and is over after that",
			Run: ovsTruncUserspace,
		},
		{
			Name: "ovs-sample-userspace", Needs: plain,
			Doc: "sample() lets the right share of 10000 packets through to user space",
			Run: ovsSampleUserspace,
		},
		{
			Name: "ovs-psample-userspace", Needs: action,
			Doc: "psample and userspace in one sample() see the same packets",
			Run: ovsPsampleUserspace,
		},
	}
}

func ovsUserspace(t *selftests.T) {
	b, frame := newBridge(t), []byte(nil)
	up := topo.NewUpcalls(t, t.NS())
	for _, userdata := range [][]byte{nil, {1}, bytes.Repeat([]byte{0xab}, 64)} {
		actions := odp.Actions{odp.Userspace{PID: up.PID(), Userdata: userdata, Actions: true}, odp.Output{Port: b.out}}
		b.flow(actions...)
		frame = b.frame(100)
		b.send.Send(frame, 5)
		b.recv.Expect(5, frame)
		ups := up.Take(b.dp, b.in, frame)
		if len(ups) != 5 {
			t.Errorf("userdata %x: %d upcalls, want 5", userdata, len(ups))
		}
		for i, u := range ups {
			what := fmt.Sprintf("userdata %x, upcall %d", userdata, i+1)
			if u.Command != uapi.OVS_PACKET_CMD_ACTION {
				t.Errorf("%s: command %d, want %d", what, u.Command, uapi.OVS_PACKET_CMD_ACTION)
			}
			if !bytes.Equal(u.Packet, frame) {
				t.Errorf("%s: packet %x, want %x", what, u.Packet, frame)
			}
			if !bytes.Equal(u.Userdata, userdata) || (u.Userdata == nil) != (userdata == nil) {
				t.Errorf("%s: userdata %x", what, u.Userdata)
			}
			if got := u.Actions.String(); got != actions.String() {
				t.Errorf("%s: actions %s, want %s", what, got, actions)
			}
			if u.Len != 0 && u.Len != uint32(len(frame)) {
				t.Errorf("%s: length %d of a packet of %d bytes that was not cut", what, u.Len, len(frame))
			}
		}
	}
}

func ovsTruncUserspace(t *selftests.T) {
	b := newBridge(t)
	up := topo.NewUpcalls(t, t.NS())
	b.flow(odp.Trunc{MaxLen: 20}, odp.Userspace{PID: up.PID()}, odp.Userspace{PID: up.PID()}, odp.Output{Port: b.out})
	frame := b.frame(100)
	b.send.Send(frame, 1)
	b.recv.Expect(1, frame)
	ups := up.Take(b.dp, b.in, frame)
	if len(ups) != 2 {
		t.Fatalf("%d upcalls, want 2", len(ups))
	}
	if u := ups[0]; !bytes.Equal(u.Packet, frame[:20]) || u.Len != 100 {
		t.Errorf("after trunc(20): %d bytes of %d: %x", len(u.Packet), u.Len, u.Packet)
	}
	if u := ups[1]; !bytes.Equal(u.Packet, frame) {
		t.Errorf("the second time: %d bytes: %x", len(u.Packet), u.Packet)
	}
}

func ovsSampleUserspace(t *selftests.T) {
	b := newBridge(t)
	up := topo.NewUpcalls(t, t.NS())
	// An upcall costs more than a sample, so let few through.
	b.flow(odp.Sample{Probability: fiftieth, Actions: odp.Actions{odp.Userspace{PID: up.PID()}}}, odp.Output{Port: b.out})
	frame := b.frame(60)
	got := 0
	// In parts, so that the socket's buffer holds the upcalls of each.
	const parts = 4
	for range parts {
		b.send.Send(frame, statistics/parts)
		if n := len(b.recv.Take(statistics / parts)); n != statistics/parts {
			t.Fatalf("%d of %d packets went on", n, statistics/parts)
		}
		got += len(up.Take(b.dp, b.in, frame))
	}
	checkShare(t, "upcalls", got, statistics, share(fiftieth))
}

func ovsPsampleUserspace(t *selftests.T) {
	const n = 1000
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	up := topo.NewUpcalls(t, t.NS())
	userdata := []byte("selftest")
	b.flow(odp.Sample{Probability: quarter, Actions: odp.Actions{
		odp.Userspace{PID: up.PID(), Userdata: userdata}, odp.Psample{Group: 8, Cookie: cookie16},
	}}, odp.Output{Port: b.out})
	frame := b.frame(100)
	b.send.Send(frame, n)
	b.recv.Expect(n, frame)
	got, ups := samples.Take(0), up.Take(b.dp, b.in, frame)
	w := b.want(8, frame)
	w.rate, w.cookie = quarter, cookie16
	w.checkAll(t, "samples", got, false)
	for i, u := range ups {
		if !bytes.Equal(u.Packet, frame) || !bytes.Equal(u.Userdata, userdata) {
			t.Fatalf("upcall %d: userdata %x, packet %x", i+1, u.Userdata, u.Packet)
		}
	}
	if len(got) != len(ups) {
		t.Errorf("%d samples and %d upcalls of the same packets", len(got), len(ups))
	}
	checkShare(t, "25%", len(got), n, share(quarter))
}
