// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
)

// linkUp sets IFF_UP on a device, as ovs-dpctl has always done to a new port.
func linkUp(ctx context.Context, ns *nl.NetNS, name string, ifindex int) error {
	c, err := nl.Dial(unix.NETLINK_ROUTE, ns)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	msg := make([]byte, unix.SizeofIfInfomsg) // struct ifinfomsg
	binary.NativeEndian.PutUint32(msg[4:], uint32(ifindex))
	binary.NativeEndian.PutUint32(msg[8:], unix.IFF_UP)  // ifi_flags
	binary.NativeEndian.PutUint32(msg[12:], unix.IFF_UP) // ifi_change
	_, err = c.Execute(ctx, nl.Request{
		Op: "bring up", Object: "device " + name,
		Type: unix.RTM_NEWLINK, Data: msg, AttrsAt: len(msg),
	})
	return err
}
