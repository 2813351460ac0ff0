// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"encoding/binary"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/nltest"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Numbers of the generic-netlink controller, linux/genetlink.h.
const (
	ctrlID             = 16 // GENL_ID_CTRL
	ctrlNewFamily      = 1
	ctrlGetFamily      = 3
	ctrlAttrFamilyID   = 1
	ctrlAttrFamilyName = 2
	ctrlAttrVersion    = 3
	ctrlAttrGroups     = 7
)

// fakeFamilies are the ids a test's kernel gives the families; a family's group
// has its id and fakeGroup.
var fakeFamilies = []string{
	uapi.OVS_DATAPATH_FAMILY, uapi.OVS_VPORT_FAMILY, uapi.OVS_FLOW_FAMILY,
	uapi.OVS_PACKET_FAMILY, uapi.OVS_METER_FAMILY, uapi.OVS_CT_LIMIT_FAMILY,
}

const (
	fakeID    = 30
	fakeGroup = 100
)

func familyID(name string) uint16 { return uint16(fakeID + slices.Index(fakeFamilies, name)) }

// fakeRequest is a request to a family, taken apart.
type fakeRequest struct {
	family  string
	command uint8
	flags   netlink.HeaderFlags
	ifindex int
	attrs   []byte
}

func (r fakeRequest) attr(typ uint16) (nl.Attr, bool) {
	for at, err := range nl.Attrs(r.attrs) {
		if err == nil && at.Type == typ {
			return at, true
		}
	}
	return nl.Attr{}, false
}

// fakeKernel knows the families and has handler answer the requests to them:
// payloads after the genl header, and what the exchange ends with.
func fakeKernel(t testing.TB, handler func(fakeRequest) (payloads [][]byte, end netlink.Message)) (*Client, *nltest.Kernel) {
	t.Helper()
	k := nltest.New(familyHandler(handler))
	c, err := Open(k.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, k
}

// familyHandler makes families of a handler that knows only requests to them.
func familyHandler(handler func(fakeRequest) (payloads [][]byte, end netlink.Message)) nltest.Handler {
	return func(r nltest.Request) []netlink.Message {
		m := r.Message
		if m.Header.Type == ctrlID {
			return []netlink.Message{controller(m)}
		}
		if len(m.Data) < nl.GenlHeaderLen+headerLen {
			return []netlink.Message{nltest.Ack(syscall.EINVAL, "no header", 0)}
		}
		q := fakeRequest{
			family: fakeFamilies[m.Header.Type-fakeID], command: m.Data[0], flags: m.Header.Flags,
			ifindex: int(int32(binary.NativeEndian.Uint32(m.Data[nl.GenlHeaderLen:]))),
			attrs:   m.Data[nl.GenlHeaderLen+headerLen:],
		}
		payloads, end := handler(q)
		var out []netlink.Message
		for _, p := range payloads {
			a := genlMessage(uint16(m.Header.Type), q.command, p)
			a.Header.Flags |= end.Header.Flags & netlink.Multi
			out = append(out, a)
		}
		return append(out, end)
	}
}

func genlMessage(family uint16, command uint8, payload []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(family)},
		Data:   append([]byte{command, 1, 0, 0}, payload...),
	}
}

// controller answers CTRL_CMD_GETFAMILY.
func controller(m netlink.Message) netlink.Message {
	name := ""
	for at, err := range nl.Attrs(m.Data[nl.GenlHeaderLen:]) {
		if err == nil && at.Type == ctrlAttrFamilyName {
			name = at.String()
		}
	}
	if !slices.Contains(fakeFamilies, name) {
		return nltest.Ack(syscall.ENOENT, "", 0)
	}
	id := familyID(name)
	b := nl.AppendString(nil, ctrlAttrFamilyName, name)
	b = nl.AppendUint16(b, ctrlAttrFamilyID, id)
	b = nl.AppendUint32(b, ctrlAttrVersion, 1)
	group := nl.AppendString(nil, 1, name) // CTRL_ATTR_MCAST_GRP_NAME
	group = nl.AppendUint32(group, 2, fakeGroup+uint32(id))
	b = nl.AppendAttr(b, ctrlAttrGroups|nl.NestedFlag, nl.AppendAttr(nil, 1|nl.NestedFlag, group))
	return netlink.Message{
		Header: netlink.Header{Type: ctrlID},
		Data:   append([]byte{ctrlNewFamily, 2, 0, 0}, b...),
	}
}

// commands are the requests a kernel got, as "family command".
func commands(k *nltest.Kernel) []string {
	var out []string
	for _, r := range k.Requests() {
		m := r.Message
		if m.Header.Type == ctrlID {
			continue
		}
		out = append(out, fmt.Sprintf("%s %d", fakeFamilies[m.Header.Type-fakeID], m.Data[0]))
	}
	return out
}

var ackOK = nltest.Ack(0, "", 0)

var fakeDP = Datapath{Name: "dp0", Ifindex: 12}
