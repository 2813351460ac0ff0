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

// Both cases are about a fix that came into 6.1 late and that dpscope's patches
// bring where it is missing, so they need the patches although one of them has
// no sample in it.

func ovsTruncShorter(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	up := topo.NewUpcalls(t, t.NS())
	frame := b.frame(101)
	bare := frame[topo.EthernetLen:]
	popEth := odp.Raw{Type: uapi.OVS_ACTION_ATTR_POP_ETH}
	for _, maxLen := range []int{14, 40, 86, 87, 88, 100, 101, 9000} {
		what := fmt.Sprintf("trunc(%d), pop_eth", maxLen)
		trunc := odp.Trunc{MaxLen: uint32(maxLen)}
		want := bare[:min(maxLen, len(bare))]

		b.flow(trunc, popEth, odp.Psample{Group: 1, Cookie: cookie16}, odp.Psample{Group: 1, Cookie: cookie16})
		b.send.Send(frame, 1)
		s := samples.Expect(2)
		w := b.want(1, bare)
		w.cookie, w.data = cookie16, want
		w.check(t, what+", psample", s[0])
		checkPadding(t, s[0], len(want))
		w.data = bare
		w.check(t, what+", psample, psample", s[1])

		b.flow(trunc, popEth, odp.Userspace{PID: up.PID()})
		b.send.Send(frame, 1)
		ups := up.Take(b.dp, b.in, frame)
		if len(ups) != 1 {
			t.Fatalf("%s, userspace: %d upcalls, want 1", what, len(ups))
		}
		checkCut(t, what+", userspace", ups[0].Packet, want, ups[0].Len, len(bare))
	}
}

// checkCut compares packet and length of an upcall with what is left of a
// packet of a length. The length is told when something was cut off.
func checkCut(t *selftests.T, what string, packet, want []byte, told uint32, length int) {
	if !bytes.Equal(packet, want) {
		t.Errorf("%s: %d bytes, want %d\n got %x\nwant %x", what, len(packet), len(want), packet, want)
	}
	wantTold := 0
	if len(want) < length {
		wantTold = length
	}
	if told != uint32(wantTold) {
		t.Errorf("%s: told a length of %d, want %d", what, told, wantTold)
	}
}

func ovsTruncGSO(t *selftests.T) {
	const segments, maxLen = 5, 1000
	b := newBridge(t)
	up := topo.NewUpcalls(t, t.NS())
	b.flow(odp.Trunc{MaxLen: maxLen}, odp.Userspace{PID: up.PID()}, odp.Output{Port: b.out})
	for _, size := range []int{100, 946, 947, 1400} {
		frame := b.p1.TCPTo(b.p2, topo.TCPHeaders+segments*size)
		b.send.SendSegmented(frame, size)
		b.recv.Expect(1, frame)
		ups := up.Take(b.dp, b.in, b.frame(60))
		if len(ups) != segments {
			t.Fatalf("segments of %d bytes: %d upcalls, want %d", size, len(ups), segments)
		}
		whole := topo.TCPHeaders + size
		for i, u := range ups {
			// Addresses and payload; the kernel counts on in the headers.
			payload := frame[topo.TCPHeaders+i*size:][:min(whole, maxLen)-topo.TCPHeaders]
			want := append(append([]byte(nil), u.Packet[:min(topo.TCPHeaders, len(u.Packet))]...), payload...)
			checkCut(t, fmt.Sprintf("segments of %d bytes, number %d", size, i+1), u.Packet, want, u.Len, whole)
		}
	}
}
