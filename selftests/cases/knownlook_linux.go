// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// judged is how the kernel answers a request, in the table's words.
func judged(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &errno) && unix.ErrnoName(errno) != "":
		return unix.ErrnoName(errno)
	default:
		return err.Error()
	}
}

// seeFlow is how the kernel answers a flow with these actions.
func (b bridge) seeFlow(actions ...odp.Action) string {
	return judged(b.dp.TryFlow(topo.Flow{InPort: b.in, Actions: actions}))
}

// explicitDrop is the drop action; its number is an error code, 0 for none.
var explicitDrop = odp.Raw{Type: uapi.OVS_ACTION_ATTR_DROP, Data: []byte{0, 0, 0, 0}}

func seeDropAction(_ *selftests.T, b bridge) string { return b.seeFlow(explicitDrop) }

// hashSymL4 is OVS_HASH_ALG_SYM_L4, linux/openvswitch.h.
const hashSymL4 = 1

func seeSymmetricHash(_ *selftests.T, b bridge) string {
	// struct ovs_action_hash: u32 algorithm, u32 basis.
	data := binary.NativeEndian.AppendUint32(nil, hashSymL4)
	return b.seeFlow(odp.Raw{Type: uapi.OVS_ACTION_ATTR_HASH, Data: binary.NativeEndian.AppendUint32(data, 0)})
}

func seeUnknownUserspace(_ *selftests.T, b bridge) string {
	data := nl.AppendUint32(nil, uapi.OVS_USERSPACE_ATTR_PID, 1)
	return b.seeFlow(odp.Raw{Type: uapi.OVS_ACTION_ATTR_USERSPACE, Nested: true, Data: nl.AppendUint32(data, 9, 1)})
}

func seeUpcallPID(t *selftests.T, b bridge) string {
	action, packet := topo.NewUpcalls(t, t.NS()), topo.NewUpcalls(t, t.NS())
	frame := b.frame(60)
	extra := nl.AppendUint32(nil, uapi.OVS_PACKET_ATTR_UPCALL_PID, packet.PID())
	b.dp.ExecuteWith(b.in, frame, odp.Actions{odp.Userspace{PID: action.PID()}}, extra)
	switch a, p := len(action.Take(b.dp, b.in, frame)), len(packet.Take(b.dp, b.in, frame)); {
	case a == 1 && p == 0:
		return "to the action's receiver"
	case a == 0 && p == 1:
		return "to the packet's receiver"
	default:
		return fmt.Sprintf("%d to the action's receiver, %d to the packet's", a, p)
	}
}

func seeUpcallStats(t *selftests.T, b bridge) string {
	up := topo.NewUpcalls(t, t.NS())
	b.dp.Execute(b.in, b.frame(60), odp.Actions{odp.Userspace{PID: up.PID()}})
	for _, p := range b.dp.Ports() {
		switch {
		case p.PortNo != b.in:
		case p.UpcallStats == nil:
			return "absent"
		case p.UpcallStats.Success == 1 && p.UpcallStats.Fail == 0:
			return "there"
		default:
			return fmt.Sprintf("%+v after one upcall", *p.UpcallStats)
		}
	}
	return "the port is gone"
}

// sent is how much of a frame leaves the bridge.
func (b bridge) sent(t *selftests.T, frame []byte) string {
	b.send.Send(frame, 1)
	got := b.recv.Take(1)
	if len(got) != 1 {
		t.Errorf("%d packets left, want 1", len(got))
		return "nothing"
	}
	return fmt.Sprintf("%d bytes", len(got[0]))
}

func seeTwoTruncs(t *selftests.T, b bridge) string {
	b.flow(odp.Trunc{MaxLen: 20}, odp.Trunc{MaxLen: 9000}, odp.Output{Port: b.out})
	return b.sent(t, b.frame(100))
}

func seeTruncPush(t *selftests.T, b bridge) string {
	tag := odp.PushVLAN{TPID: 0x8100, TCI: 0x1000 | 42}
	b.flow(odp.Trunc{MaxLen: 50}, tag, tag, odp.Output{Port: b.out})
	return b.sent(t, b.frame(100))
}

// withTags puts VLAN tags in front of an untagged frame's type.
func withTags(frame []byte, tcis ...uint16) []byte {
	const addrs = 12
	out := append([]byte{}, frame[:addrs]...)
	for _, tci := range tcis {
		out = binary.BigEndian.AppendUint16(out, 0x8100)
		out = binary.BigEndian.AppendUint16(out, tci)
	}
	return append(out, frame[addrs:]...)
}

func seeTruncPop(t *selftests.T, b bridge) string {
	b.dp.PutFlow(topo.Flow{
		InPort: b.in, Types: []uint16{0x8100, 0x8100, topo.EtherTypeIPv4},
		Actions: odp.Actions{odp.Trunc{MaxLen: 50}, odp.PopVLAN{}, odp.Output{Port: b.out}},
	})
	return b.sent(t, withTags(b.frame(100), 42, 43))
}

func seeTruncTagUpcall(t *selftests.T, b bridge) string {
	up := topo.NewUpcalls(t, t.NS())
	b.dp.Execute(b.in, withTags(b.frame(100), 42), odp.Actions{odp.Trunc{MaxLen: 20}, odp.Userspace{PID: up.PID()}})
	got := up.Take(b.dp, b.in, b.frame(60))
	if len(got) != 1 {
		return fmt.Sprintf("%d upcalls", len(got))
	}
	return fmt.Sprintf("%d bytes", len(got[0].Packet))
}

func seeAltNamePort(t *selftests.T, b bridge) string {
	v, _ := topo.Veth(t, 3, t.NS(), t.NS())
	v.AddAltName(t, "another")
	return judged(b.dp.TryPort("another"))
}
