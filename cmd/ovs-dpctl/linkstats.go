// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// linkStats are those of a device's counters that a datapath does not keep, in
// struct rtnl_link_stats64, linux/if_link.h.
type linkStats [18]uint64

// Where counters are in linkStats.
const (
	collisions = 9
	rxOver     = 11
	rxFrame    = 13
	txAborted  = 16
	txCarrier  = 17
)

// text is a counter, or "?" when the device has none.
func (l *linkStats) text(i int) string {
	if l == nil {
		return "?"
	}
	return strconv.FormatUint(l[i], 10)
}

// readLinkStats reads the counters of all devices, by interface index.
func readLinkStats(ctx context.Context, ns *nl.NetNS) (map[int]*linkStats, error) {
	c, err := nl.Dial(unix.NETLINK_ROUTE, ns)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	msgs, err := c.DumpAll(ctx, nl.Request{
		Op: "read counters of devices", Type: uapi.RTM_GETLINK,
		Data: make([]byte, unix.SizeofIfInfomsg), AttrsAt: unix.SizeofIfInfomsg,
	})
	if err != nil {
		return nil, err
	}
	out := map[int]*linkStats{}
	for _, m := range msgs {
		if ifindex, l := decodeLinkStats(m.Data); l != nil {
			out[ifindex] = l
		}
	}
	return out, nil
}

// decodeLinkStats reads an RTM_NEWLINK message; nil without all counters.
func decodeLinkStats(b []byte) (ifindex int, l *linkStats) {
	if len(b) < unix.SizeofIfInfomsg {
		return 0, nil
	}
	ifindex = int(int32(binary.NativeEndian.Uint32(b[4:])))
	for at, err := range nl.Attrs(b[unix.SizeofIfInfomsg:]) {
		if err != nil {
			return ifindex, nil
		}
		if at.Type != uapi.IFLA_STATS64 || len(at.Data) < 8*len(l) {
			continue
		}
		l = new(linkStats)
		for i := range l {
			l[i] = binary.NativeEndian.Uint64(at.Data[8*i:])
		}
	}
	return ifindex, l
}
