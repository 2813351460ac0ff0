// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/selftests"
)

// Dev is a network device in a namespace of the case.
type Dev struct {
	Name  string
	Index uint32
	MAC   net.HardwareAddr
	NS    *nl.NetNS
}

// route is an rtnetlink socket that closes with the case.
func route(t *selftests.T, ns *nl.NetNS) *nl.Conn {
	c, err := nl.Dial(unix.NETLINK_ROUTE, ns)
	t.Must(err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// NewNS makes another network namespace for the case.
func NewNS(t *selftests.T) *nl.NetNS {
	ns, err := selftests.QuietNetNS()
	t.Must(err)
	t.Cleanup(func() { _ = ns.Close() })
	return ns
}

// ifinfomsg is struct ifinfomsg, linux/rtnetlink.h.
func ifinfomsg(index uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], index)
	return b
}

// vethInfoPeer is VETH_INFO_PEER, linux/veth.h.
const vethInfoPeer = 1

// ifinfomsgLen is where attributes start in link messages.
const ifinfomsgLen = unix.SizeofIfInfomsg

// mac makes a locally administered address that names device and end.
func mac(n, end byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, n, end} }

// Veth makes a pair of veth devices, vN in ns and pN in peerNS, both up, and
// returns them in that order.
func Veth(t *selftests.T, n byte, ns, peerNS *nl.NetNS) (Dev, Dev) {
	v := Dev{Name: fmt.Sprintf("v%d", n), MAC: mac(n, 1), NS: ns}
	p := Dev{Name: fmt.Sprintf("p%d", n), MAC: mac(n, 2), NS: peerNS}
	attrs := nl.AppendString(nil, unix.IFLA_IFNAME, v.Name)
	attrs = nl.AppendAttr(attrs, unix.IFLA_ADDRESS, v.MAC)
	attrs, err := linkInfo(attrs, "veth", func(b []byte) ([]byte, error) {
		return nl.AppendNested(b, vethInfoPeer, func(b []byte) ([]byte, error) {
			b = append(b, ifinfomsg(0)...)
			b = nl.AppendString(b, unix.IFLA_IFNAME, p.Name)
			b = nl.AppendAttr(b, unix.IFLA_ADDRESS, p.MAC)
			return nl.AppendUint32(b, unix.IFLA_NET_NS_FD, uint32(peerNS.FD())), nil
		})
	})
	t.Must(err)
	t.Must(newLink(t, ns, v.Name, attrs))
	v.up(t)
	p.up(t)
	return v, p
}

// Attributes of a vxlan device, linux/if_link.h.
const (
	iflaVXLANPort            = 15
	iflaVXLANCollectMetadata = 25
)

// VXLAN makes a vxlan device that takes tunnel metadata from packets instead
// of from its own settings (collect_md), as Open vSwitch uses it. port is the
// UDP port it listens on.
func VXLAN(t *selftests.T, ns *nl.NetNS, name string, port uint16) Dev {
	t.Must(TryVXLAN(t, ns, name, port))
	d := Dev{Name: name, NS: ns}
	d.up(t)
	return d
}

// TryVXLAN makes the device of VXLAN and returns the kernel's refusal.
func TryVXLAN(t *selftests.T, ns *nl.NetNS, name string, port uint16) error {
	attrs := nl.AppendString(nil, unix.IFLA_IFNAME, name)
	attrs, err := linkInfo(attrs, "vxlan", func(b []byte) ([]byte, error) {
		b = nl.AppendAttr(b, iflaVXLANPort, binary.BigEndian.AppendUint16(nil, port))
		return nl.AppendUint8(b, iflaVXLANCollectMetadata, 1), nil
	})
	if err != nil {
		return err
	}
	return newLink(t, ns, name, attrs)
}

func linkInfo(b []byte, kind string, data func([]byte) ([]byte, error)) ([]byte, error) {
	return nl.AppendNested(b, unix.IFLA_LINKINFO, func(b []byte) ([]byte, error) {
		b = nl.AppendString(b, unix.IFLA_INFO_KIND, kind)
		return nl.AppendNested(b, unix.IFLA_INFO_DATA, data)
	})
}

func newLink(t *selftests.T, ns *nl.NetNS, name string, attrs []byte) error {
	_, err := route(t, ns).Execute(t.Context(), nl.Request{
		Op: "make device", Object: name, Type: unix.RTM_NEWLINK, Flags: netlink.Create | netlink.Excl,
		Data: append(ifinfomsg(0), attrs...), AttrsAt: ifinfomsgLen,
	})
	return err
}

// up looks the device's number up and sets it up.
func (d *Dev) up(t *selftests.T) {
	c := route(t, d.NS)
	msgs, err := c.Execute(t.Context(), nl.Request{
		Op: "look up device", Object: d.Name, Type: unix.RTM_GETLINK,
		Data: nl.AppendString(ifinfomsg(0), unix.IFLA_IFNAME, d.Name), AttrsAt: ifinfomsgLen,
	})
	t.Must(err)
	for _, m := range msgs {
		if m.Header.Type == unix.RTM_NEWLINK && len(m.Data) >= ifinfomsgLen {
			d.Index = binary.NativeEndian.Uint32(m.Data[4:])
		}
	}
	if d.Index == 0 {
		t.Fatalf("look up device %s: the kernel told no number", d.Name)
	}
	t.Must(nl.SetLinkUp(t.Context(), d.NS, int(d.Index), d.Name))
}

// SetMTU changes how large a payload the device takes.
func (d *Dev) SetMTU(t *selftests.T, mtu uint32) {
	_, err := route(t, d.NS).Execute(t.Context(), nl.Request{
		Op: "set mtu of device", Object: d.Name, Type: unix.RTM_NEWLINK,
		Data: nl.AppendUint32(ifinfomsg(d.Index), unix.IFLA_MTU, mtu), AttrsAt: ifinfomsgLen,
	})
	t.Must(err)
}

// Messages and attributes of alternative names, linux/rtnetlink.h and
// linux/if_link.h.
const (
	rtmNewLinkProp = 108
	iflaPropList   = 52
	iflaAltIfname  = 53
)

// AddAltName gives the device one more name.
func (d *Dev) AddAltName(t *selftests.T, name string) {
	data, err := nl.AppendNested(ifinfomsg(d.Index), iflaPropList, func(b []byte) ([]byte, error) {
		return nl.AppendString(b, iflaAltIfname, name), nil
	})
	t.Must(err)
	_, err = route(t, d.NS).Execute(t.Context(), nl.Request{
		Op: "add name " + name + " to device", Object: d.Name, Type: rtmNewLinkProp,
		Flags: netlink.Create | netlink.Excl | netlink.Append, Data: data, AttrsAt: ifinfomsgLen,
	})
	t.Must(err)
}

// Delete removes the device, and with a veth its peer.
func (d *Dev) Delete(t *selftests.T) {
	_, err := route(t, d.NS).Execute(t.Context(), nl.Request{
		Op: "delete device", Object: d.Name, Type: unix.RTM_DELLINK, Data: ifinfomsg(d.Index),
	})
	t.Must(err)
}

// AddAddr gives the device an IPv4 address.
func (d *Dev) AddAddr(t *selftests.T, p netip.Prefix) {
	// struct ifaddrmsg: u8 family, prefixlen, flags, scope; u32 index.
	data := []byte{unix.AF_INET, byte(p.Bits()), 0, 0}
	data = binary.NativeEndian.AppendUint32(data, d.Index)
	data = nl.AppendAttr(data, unix.IFA_LOCAL, p.Addr().AsSlice())
	data = nl.AppendAttr(data, unix.IFA_ADDRESS, p.Addr().AsSlice())
	_, err := route(t, d.NS).Execute(t.Context(), nl.Request{
		Op: "add address " + p.String() + " to device", Object: d.Name, Type: unix.RTM_NEWADDR,
		Flags: netlink.Create | netlink.Excl, Data: data, AttrsAt: unix.SizeofIfAddrmsg,
	})
	t.Must(err)
}

// UDPTo is a frame from this device's address to another's, between addresses
// of the documentation range.
func (d *Dev) UDPTo(dst Dev, n int) []byte {
	return UDPFrame{
		Src: d.MAC, Dst: dst.MAC,
		SrcIP: netip.MustParseAddr("198.51.100.1"), DstIP: netip.MustParseAddr("198.51.100.2"),
		SrcPort: 40000, DstPort: 9, Len: n,
	}.Bytes()
}
