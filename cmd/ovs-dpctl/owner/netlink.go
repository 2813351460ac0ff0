// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"fmt"
	"strconv"
	"strings"
)

// generic is NETLINK_GENERIC, linux/netlink.h.
const generic = 16

// parseSockets reads /proc/net/netlink: the inodes of generic netlink sockets by
// their port ids. A port id belongs to one socket of a namespace only.
func parseSockets(text string) (map[uint32]uint64, error) {
	const columns = 10 // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
	inodes := map[uint32]uint64{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		f := strings.Fields(line)
		if i == 0 { // the headings
			continue
		}
		if len(f) < columns {
			return nil, fmt.Errorf("line %d has %d columns, want %d", i+1, len(f), columns)
		}
		if f[1] != strconv.Itoa(generic) {
			continue
		}
		port, perr := strconv.ParseUint(f[2], 10, 32)
		inode, ierr := strconv.ParseUint(f[9], 10, 64)
		if perr != nil || ierr != nil {
			return nil, fmt.Errorf("line %d: port id %q, inode %q: want numbers", i+1, f[2], f[9])
		}
		if port != 0 { // the kernel's own end
			inodes[uint32(port)] = inode
		}
	}
	return inodes, nil
}

// socketInode reads what a link in /proc/PID/fd says: socket:[INODE].
func socketInode(link string) (uint64, bool) {
	s, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	if s, ok = strings.CutSuffix(s, "]"); !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}
