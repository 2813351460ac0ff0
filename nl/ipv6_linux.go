// SPDX-License-Identifier: Apache-2.0

package nl

import "golang.org/x/sys/unix"

// LoadIPv6 has the kernel load its ipv6 module, if it is one and there. Call it
// before what makes the kernel open an IPv6 socket of its own, as vxlan devices
// do when they come up: it loads the module then while it holds the lock of all
// network devices, which the module's start wants too. Both wait for good, and
// with them whoever next asks for a device (Linux 6.1 and 6.12 with
// CONFIG_IPV6=m). Call it before adding a geneve or gre port of Open vSwitch's
// own, too: their modules want ipv6, and are loaded with generic netlink's lock
// held, which that one's start wants as well.
//
// Address families are the same for all network namespaces; ns only tells
// whether there is a kernel behind it. Without IPv6 the kernel's socket fails in
// the same way and it goes on without.
func LoadIPv6(ns *NetNS) {
	if ns != nil && ns.dial != nil {
		return
	}
	if fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		_ = unix.Close(fd)
	}
}
