// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

func TestIfNames(t *testing.T) {
	n, err := OpenIfNames(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	if name, ok := n.Name(1, true); !ok || name != "lo" {
		t.Errorf("interface 1 is %q, %v", name, ok)
	}
	if name, ok := n.Name(1<<30, false); ok {
		t.Errorf("interface 2^30 is %q", name)
	}
}

func link(typ netlink.HeaderType, family byte, index uint32, name string) netlink.Message {
	data := make([]byte, ifinfomsgLen)
	data[0] = family
	binary.NativeEndian.PutUint32(data[4:], index)
	return netlink.Message{Header: netlink.Header{Type: typ}, Data: nl.AppendString(data, uapi.IFLA_IFNAME, name)}
}

func TestIfNamesFollow(t *testing.T) {
	conn, err := nl.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	n := &IfNames{conn: conn, names: map[uint32]string{}, miss: map[uint32]time.Time{}}
	check := func(what string, index uint32, narrow bool, want string) {
		t.Helper()
		if got, _ := n.Name(index, narrow); got != want {
			t.Errorf("%s: %d is %q, want %q", what, index, got, want)
		}
	}
	n.apply(link(uapi.RTM_NEWLINK, 0, 61000, "a"))
	check("new", 61000, true, "a")
	n.apply(link(uapi.RTM_NEWLINK, 0, 61000, "b"))
	check("renamed", 61000, true, "b")
	n.apply(link(rtmDelLink, unix.AF_BRIDGE, 61000, "b"))
	n.apply(link(rtmDelLink, 0, 61000, "b"))
	n.apply(link(rtmDelLink, 0, 61000, "b"))
	check("removed", 61000, true, "b")
	n.apply(link(uapi.RTM_NEWLINK, 0, 61000, "c"))
	check("number used again", 61000, true, "c")
	n.apply(link(uapi.RTM_NEWLINK, 0, 61000+1<<16, "wide"))
	check("two with the same lower half", 61000, true, "")
	check("exact number", 61000, false, "c")
	check("wide number", 61000+1<<16, false, "wide")
	n.apply(link(uapi.RTM_NEWLINK, 0, 5+1<<16, "wide2"))
	check("lower half of one", 5, true, "wide2")
	n.apply(link(rtmDelLink, 0, 61000+1<<16, "wide"))
	n.apply(link(rtmDelLink, 0, 5+1<<16, "wide2"))
	check("no wide one left", 61000, true, "c")
	n.apply(netlink.Message{Header: netlink.Header{Type: uapi.RTM_NEWLINK}, Data: []byte{1}})
	for i := range uint32(maxGone + 5) {
		n.apply(link(uapi.RTM_NEWLINK, 0, 1000+i, "x"))
		n.apply(link(rtmDelLink, 0, 1000+i, "x"))
	}
	if len(n.gone) > maxGone || len(n.names) > maxGone+5 {
		t.Errorf("%d removed ones kept, %d names", len(n.gone), len(n.names))
	}
}
