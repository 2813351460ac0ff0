// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Kinds of tunnel devices, IFLA_INFO_KIND.
const (
	kindGRE    = "gretap"
	kindGeneve = "geneve"
	kindVXLAN  = "vxlan"
)

// tunnel is a tunnel device that leaves where packets go to Open vSwitch. It
// writes IFLA_INFO_DATA for rtnetlink.
type tunnel struct {
	kind string
	port uint16 // UDP; none for gretap
}

// New makes the library's empty value.
func (tunnel) New() rtnetlink.LinkDriver { return &tunnel{} }

// Kind is IFLA_INFO_KIND.
func (t *tunnel) Kind() string { return t.kind }

// Decode reads nothing: tunnels are only made here.
func (*tunnel) Decode(*netlink.AttributeDecoder) error { return nil }

// Encode writes the device's settings.
func (t *tunnel) Encode(ae *netlink.AttributeEncoder) error {
	port := binary.BigEndian.AppendUint16(nil, t.port)
	switch t.kind {
	case kindGRE:
		ae.Flag(uapi.IFLA_GRE_COLLECT_METADATA, true)
	case kindGeneve:
		ae.Bytes(uapi.IFLA_GENEVE_PORT, port)
		ae.Flag(uapi.IFLA_GENEVE_COLLECT_METADATA, true)
		ae.Uint8(uapi.IFLA_GENEVE_UDP_ZERO_CSUM6_RX, 1)
	case kindVXLAN:
		ae.Uint8(uapi.IFLA_VXLAN_LEARNING, 0)
		ae.Uint8(uapi.IFLA_VXLAN_COLLECT_METADATA, 1)
		ae.Uint8(uapi.IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1)
		ae.Bytes(uapi.IFLA_VXLAN_PORT, port)
	default:
		return fmt.Errorf("no tunnels of kind %s", t.kind)
	}
	return nil
}

// addTunnel makes a tunnel device.
func addTunnel(name string, t tunnel) error {
	const op = "add device"
	return rtnl(op, name, func(c *rtnetlink.Conn) error {
		err := c.Link.New(&rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{
			Name: name,
			Info: &rtnetlink.LinkInfo{Kind: t.kind, Data: &t},
		}})
		switch {
		case errors.Is(err, syscall.EEXIST):
			return &nl.Error{Op: op, Object: name, Err: syscall.EEXIST, Hint: "a device of this name, or a tunnel like it, is there"}
		case errors.Is(err, syscall.EOPNOTSUPP):
			return &nl.Error{Op: op, Object: name, Err: syscall.EOPNOTSUPP, Hint: "load the module: modprobe " + module(t.kind)}
		}
		return err
	})
}

// module is what provides a kind of devices.
func module(kind string) string {
	if kind == kindGRE {
		return "ip_gre"
	}
	return kind
}

// delLink deletes a network device.
func delLink(name string) error {
	return rtnl("delete device", name, func(c *rtnetlink.Conn) error {
		dev, err := net.InterfaceByName(name)
		if err != nil {
			return syscall.ENODEV
		}
		return c.Link.Delete(uint32(dev.Index))
	})
}

// rtnl speaks to the kernel about a network device.
func rtnl(op, name string, f func(*rtnetlink.Conn) error) error {
	c, err := rtnetlink.Dial(nil)
	if err == nil {
		defer func() { _ = c.Close() }()
		_ = c.SetOption(netlink.ExtendedAcknowledge, true) // best effort: a text more
		err = f(c)
	}
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*nl.Error](err); ok {
		return err
	}
	e := &nl.Error{Op: op, Object: name, Err: err}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		e.Err = errno
	}
	if oe, ok := errors.AsType[*netlink.OpError](err); ok {
		e.Msg = oe.Message
	}
	return e
}
