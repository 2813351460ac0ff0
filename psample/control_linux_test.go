// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// controlDatagram is a generic netlink message as the kernel multicasts it.
// Psample's group notifications carry NLM_F_MULTI, and no end follows.
func controlDatagram(typ uint16, cmd uint8, attrs []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(attrsAt+len(attrs)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, uint16(netlink.Multi))
	b = append(b, make([]byte, 8)...)
	return append(append(b, cmd, 1, 0, 0), attrs...)
}

func TestControlMessages(t *testing.T) {
	c := &control{fam: nl.Family{ID: 30}, wake: func() {}}
	family := func(cmd uint8, name string) []byte {
		return controlDatagram(ctrlFamily, cmd, nl.AppendString(nil, ctrlAttrFamilyName, name))
	}
	c.datagram(family(ctrlDelFamily, "other"))
	c.datagram(nil)
	c.datagram(make([]byte, 100))
	c.datagram(family(ctrlDelFamily, "psample")[:30])
	if ev := c.take(); ev.removed {
		t.Error("another family's removal was taken for psample's")
	}
	group := controlDatagram(30, uapi.PSAMPLE_CMD_NEW_GROUP, nl.AppendUint32(nil, uapi.PSAMPLE_ATTR_SAMPLE_GROUP, 8))
	c.datagram(slices.Concat(group, group, family(ctrlDelFamily, "psample")))
	ev := c.take()
	if !ev.removed || !slices.Equal(ev.created, []uint32{8}) || c.current().ID != 0 {
		t.Errorf("events %+v, family %d", ev, c.current().ID)
	}
	if ev := c.take(); ev.removed || len(ev.created) > 0 {
		t.Error("events were handed out twice")
	}
}

// TestControlReceives sends what a real kernel does when a sample action goes
// and the module after it, in datagrams of their own.
func TestControlReceives(t *testing.T) {
	conn, err := netlink.Dial(unix.NETLINK_USERSOCK, nil)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := nl.NewBatch(conn, controlSlot)
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan struct{}, 2)
	c := &control{conn: conn, batch: batch, fam: nl.Family{ID: 30}, wake: func() { woken <- struct{}{} }}
	go c.run()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_USERSOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	for _, d := range [][]byte{
		controlDatagram(30, uapi.PSAMPLE_CMD_DEL_GROUP, nl.AppendUint32(nil, uapi.PSAMPLE_ATTR_SAMPLE_GROUP, 8)),
		controlDatagram(ctrlFamily, ctrlDelFamily, nl.AppendString(nil, ctrlAttrFamilyName, "psample")),
	} {
		if err := unix.Sendto(fd, d, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: conn.PID()}); err != nil {
			t.Fatal(err)
		}
	}
	<-woken
	if ev := c.take(); !ev.removed {
		t.Error("the removal was not noticed")
	}
	c.close()
	<-woken
	if ev := c.take(); ev.err == nil {
		t.Error("the end of the socket was not reported")
	}
}

func FuzzControlDatagram(f *testing.F) {
	group := controlDatagram(30, uapi.PSAMPLE_CMD_NEW_GROUP, nl.AppendUint32(nil, uapi.PSAMPLE_ATTR_SAMPLE_GROUP, 8))
	f.Add(group)
	f.Add(slices.Concat(group, group[:30]))
	f.Add(controlDatagram(ctrlFamily, ctrlDelFamily, nl.AppendString(nil, ctrlAttrFamilyName, "psample")))
	f.Fuzz(func(t *testing.T, b []byte) {
		// A new family would make it ask the kernel, wherever in b it is.
		b = bytes.ReplaceAll(b, []byte{ctrlNewFamily}, []byte{ctrlDelFamily})
		c := &control{fam: nl.Family{ID: 30}, wake: func() {}}
		c.datagram(b[:min(len(b), controlSlot)])
		if ev := c.take(); len(ev.created) > maxCreated || ev.loaded != nil || ev.removed != (c.current().ID == 0) {
			t.Errorf("%x: %+v", b, ev)
		}
	})
}
