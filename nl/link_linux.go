// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"context"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// SetLinkUp sets a network device of ns up (nil: the current namespace). The
// kernel gives loopback its addresses with that. name is for error texts.
func SetLinkUp(ctx context.Context, ns *NetNS, ifindex int, name string) error {
	c, err := Dial(unix.NETLINK_ROUTE, ns)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	msg := make([]byte, unix.SizeofIfInfomsg) // struct ifinfomsg, linux/rtnetlink.h
	binary.NativeEndian.PutUint32(msg[4:], uint32(int32(ifindex)))
	binary.NativeEndian.PutUint32(msg[8:], unix.IFF_UP)  // ifi_flags
	binary.NativeEndian.PutUint32(msg[12:], unix.IFF_UP) // ifi_change
	_, err = c.Execute(ctx, Request{
		Op: "set up device", Object: name,
		Type: unix.RTM_NEWLINK, Data: msg, AttrsAt: len(msg),
	})
	return err
}
