// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
)

// hostDevice is what every host calls its one device.
const hostDevice = "eth0"

// HostConfig describes a host. Name and Addr must be set.
type HostConfig struct {
	// Name is that of the network namespace.
	Name string
	// Addr is the host's IPv4 address and network.
	Addr netip.Prefix
	// MAC is the host's hardware address; nil is one made from Addr.
	MAC net.HardwareAddr
	// Port is the switch's end of the wire; empty is "p-" and Name.
	Port string
	// OFPort asks for an OpenFlow port number; zero takes what comes.
	OFPort int
}

// Host is a network namespace with one device, wired to a port of a bridge.
type Host struct {
	HostConfig // with everything set
	s          *Switch
}

// AddHost makes a host. It sends nothing by itself but answers to what it is
// sent.
func (b *Bridge) AddHost(ctx context.Context, c HostConfig) (*Host, error) {
	if !c.Addr.Addr().Is4() {
		return nil, fmt.Errorf("add host %s: %v: not an IPv4 address", c.Name, c.Addr)
	}
	if c.Port == "" {
		c.Port = "p-" + c.Name
	}
	if c.MAC == nil {
		a := c.Addr.Addr().As4()
		c.MAC = net.HardwareAddr{0x02, 0, a[0], a[1], a[2], a[3]}
	}
	s := b.s
	if _, err := s.run(ctx, "", "ip", "netns", "add", c.Name); err != nil {
		return nil, err
	}
	s.cleanups = append(s.cleanups, func(ctx context.Context) error {
		_, err := s.exec(ctx, "", "ip", "netns", "del", c.Name)
		return err
	})
	if err := quiet(c.Name); err != nil {
		return nil, err
	}
	if _, err := s.run(ctx, "", s.ip("link", "add", c.Port, "type", "veth", "peer", "name", hostDevice, "address", c.MAC.String(), "netns", c.Name)...); err != nil {
		return nil, err
	}
	s.cleanups = append(s.cleanups, func(ctx context.Context) error {
		// It would go with the namespace, but some time later.
		_, err := s.exec(ctx, "", s.ip("link", "del", c.Port)...)
		return err
	})
	for _, args := range [][]string{
		{"ip", "-n", c.Name, "address", "add", c.Addr.String(), "dev", hostDevice},
		{"ip", "-n", c.Name, "link", "set", "lo", "up"},
		{"ip", "-n", c.Name, "link", "set", hostDevice, "up"},
		s.ip("link", "set", c.Port, "up"),
	} {
		if _, err := s.run(ctx, "", args...); err != nil {
			return nil, err
		}
	}
	var columns []string
	if c.OFPort != 0 {
		columns = append(columns, "ofport_request="+strconv.Itoa(c.OFPort))
	}
	n, err := b.AddPort(ctx, c.Port, columns...)
	if err != nil {
		return nil, err
	}
	if c.OFPort != 0 && n != c.OFPort {
		return nil, fmt.Errorf("add host %s: its port got number %d, not %d", c.Name, n, c.OFPort)
	}
	c.OFPort = n
	return &Host{HostConfig: c, s: s}, nil
}

// quiet keeps a namespace from sending what IPv6 sends by itself: tests count
// packets.
func quiet(name string) error {
	// Where IPv6 is a module the first socket of anybody loads it, and it comes
	// up on all devices there are: this must not happen later.
	if fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		_ = unix.Close(fd)
	}
	ns, err := nl.OpenNetNS(name)
	if err != nil {
		return err
	}
	defer func() { _ = ns.Close() }()
	return ns.Do(func() error {
		for _, dev := range []string{"all", "default"} {
			err := os.WriteFile("/proc/sys/net/ipv6/conf/"+dev+"/disable_ipv6", []byte("1"), 0)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // no IPv6, no noise
				return fmt.Errorf("quiet IPv6 in network namespace %s: %w", name, err)
			}
		}
		return nil
	})
}

// Introduce makes hosts know each other's hardware addresses for good, so that
// nobody has to ask.
func Introduce(ctx context.Context, hosts ...*Host) error {
	for _, h := range hosts {
		for _, other := range hosts {
			if other == h {
				continue
			}
			_, err := h.s.run(ctx, "", "ip", "-n", h.Name, "neighbour", "replace", other.Addr.Addr().String(),
				"lladdr", other.MAC.String(), "dev", hostDevice)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Command prepares a program that runs in the host.
func (h *Host) Command(ctx context.Context, argv ...string) *exec.Cmd {
	argv = inNetNS(h.Name, argv)
	return exec.CommandContext(ctx, argv[0], argv[1:]...)
}
