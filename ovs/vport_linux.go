// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"syscall"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// VportConfig is a port to add.
type VportConfig struct {
	// Name of the device: an existing one for VportNetdev, else that of the
	// device the kernel makes.
	Name string
	Type VportType // zero: VportNetdev
	// PortNo is the wanted number; 0 takes the lowest free one.
	PortNo uint32
	// UpcallPIDs are the sockets that receive the port's misses; none: nobody.
	// More than one needs a datapath with OVS_DP_F_VPORT_PIDS, and the kernel
	// takes no more than it can have processors (EINVAL).
	UpcallPIDs []uint32
	// Tunnel are the options of a VportVXLAN or VportGeneve, which want a
	// destination port; nil for the others.
	Tunnel *TunnelOptions
}

// AddVport adds a port and returns it under the name the kernel has for it. A
// device that is not there gives ErrNoDevice, a taken port number, device or
// name ErrPortInUse.
func (c *Client) AddVport(ctx context.Context, dp Datapath, cfg VportConfig) (Vport, error) {
	const op = "add port"
	if err := checkName(op, cfg.Name); err != nil {
		return Vport{}, err
	}
	typ := cmp.Or(cfg.Type, VportNetdev)
	var err error
	b := nl.AppendUint32(nil, uapi.OVS_VPORT_ATTR_TYPE, uint32(typ))
	b = nl.AppendString(b, uapi.OVS_VPORT_ATTR_NAME, cfg.Name)
	b = appendUint32s(b, uapi.OVS_VPORT_ATTR_UPCALL_PID, upcallPIDs(cfg.UpcallPIDs))
	if cfg.PortNo != 0 {
		b = nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_PORT_NO, cfg.PortNo)
	}
	if cfg.Tunnel != nil {
		if b, err = cfg.Tunnel.appendAttr(b); err != nil {
			return Vport{}, &nl.Error{Op: op, Object: vportObject(dp, cfg.Name), Err: err}
		}
	}
	if typ == VportVXLAN || typ == VportGeneve || typ == VportGRE {
		nl.LoadIPv6(c.ns) // or the kernel may lock up
	}
	v, err := change(ctx, c, newVportRequest(op, uapi.OVS_VPORT_CMD_NEW, dp, cfg.Name, b), DecodeVport)
	if err != nil {
		ms := []meaning{
			{syscall.EBUSY, ErrPortInUse, "the device belongs to another datapath, bridge or bond, or the port number is taken"},
			{syscall.EFBIG, nil, "the kernel takes port numbers below 65535"},
			{syscall.EAFNOSUPPORT, ErrUnsupported, "the kernel has no module for ports of this type"},
		}
		if typ == VportNetdev {
			ms = append(ms,
				meaning{syscall.EEXIST, ErrPortInUse, "the device is a port of this datapath already"},
				meaning{syscall.ENODEV, ErrNoDevice, "no such network device in this namespace; alternative names count only before Linux 6.10"},
				meaning{syscall.EINVAL, nil, "a loopback, non-Ethernet or datapath device cannot be a port, and a port has no more receivers than there can be processors"})
		} else {
			ms = append(ms,
				meaning{syscall.EEXIST, ErrPortInUse, "a device of this name is there already"},
				meaning{syscall.ENODEV, ErrNoDatapath, "the datapath is gone"})
		}
		return Vport{}, explain(err, ms...)
	}
	return v, nil
}

// upcallPIDs never gives an empty array, which the kernel refuses (EINVAL); a
// single 0 is nobody.
func upcallPIDs(pids []uint32) []uint32 {
	if len(pids) == 0 {
		return []uint32{0}
	}
	return pids
}

// SetVportUpcallPIDs changes who receives a port's misses; none: nobody.
func (c *Client) SetVportUpcallPIDs(ctx context.Context, dp Datapath, name string, pids ...uint32) error {
	_, err := c.SetVport(ctx, dp, name, VportChange{UpcallPIDs: upcallPIDs(pids)})
	return err
}

// VportChange is what SetVport changes; what is nil stays.
type VportChange struct {
	// Type must be the port's own: the kernel refuses another (EINVAL).
	Type VportType
	// Tunnel wants a kernel that can change the options of a port. None up to
	// Linux 7.2 can.
	Tunnel *TunnelOptions
	// UpcallPIDs receive the port's misses, as in VportConfig; a single 0:
	// nobody.
	UpcallPIDs []uint32
}

// SetVport changes a port and returns it as it is then.
func (c *Client) SetVport(ctx context.Context, dp Datapath, name string, ch VportChange) (Vport, error) {
	const op = "change port"
	if err := checkName(op, name); err != nil {
		return Vport{}, err
	}
	b := nl.AppendString(nil, uapi.OVS_VPORT_ATTR_NAME, name)
	if ch.Type != 0 {
		b = nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_TYPE, uint32(ch.Type))
	}
	if ch.Tunnel != nil {
		var err error
		if b, err = ch.Tunnel.appendAttr(b); err != nil {
			return Vport{}, &nl.Error{Op: op, Object: vportObject(dp, name), Err: err}
		}
	}
	if ch.UpcallPIDs != nil {
		b = appendUint32s(b, uapi.OVS_VPORT_ATTR_UPCALL_PID, upcallPIDs(ch.UpcallPIDs))
	}
	v, err := change(ctx, c, newVportRequest(op, uapi.OVS_VPORT_CMD_SET, dp, name, b), DecodeVport)
	return v, explain(err, noVport,
		meaning{syscall.EOPNOTSUPP, ErrUnsupported, "the kernel cannot change the options of a port: delete and add it"},
		meaning{syscall.EINVAL, nil, "a port's type cannot be changed, and it has no more receivers than there can be processors"})
}

// DelVport takes a port off its datapath. The device of an internal port goes
// with it.
func (c *Client) DelVport(ctx context.Context, dp Datapath, name string) error {
	const op = "delete port"
	if err := checkName(op, name); err != nil {
		return err
	}
	err := c.vportRequest(ctx, op, uapi.OVS_VPORT_CMD_DEL, dp, name, nl.AppendString(nil, uapi.OVS_VPORT_ATTR_NAME, name))
	return explain(err, noVport,
		meaning{syscall.EINVAL, nil, "the local port goes only with its datapath"})
}

var noVport = meaning{syscall.ENODEV, ErrNoVport, "the datapath has no port of this name"}

func (c *Client) vportRequest(ctx context.Context, op string, cmd uint8, dp Datapath, name string, attrs []byte) error {
	return c.execute(ctx, newVportRequest(op, cmd, dp, name, attrs))
}

func newVportRequest(op string, cmd uint8, dp Datapath, name string, attrs []byte) request {
	return request{
		op: op, object: vportObject(dp, name), family: uapi.OVS_VPORT_FAMILY,
		command: cmd, ifindex: dp.Ifindex, attrs: attrs, spec: vportSpec,
	}
}

func vportObject(dp Datapath, name string) string { return name + " of datapath " + dp.Name }

// Vports lists a datapath's ports by number.
func (c *Client) Vports(ctx context.Context, dp Datapath) ([]Vport, error) {
	vs, err := dump(ctx, c, request{
		op: "list ports", object: "of datapath " + dp.Name, family: uapi.OVS_VPORT_FAMILY,
		command: uapi.OVS_VPORT_CMD_GET, ifindex: dp.Ifindex, spec: vportSpec,
	}, DecodeVport)
	slices.SortFunc(vs, func(a, b Vport) int { return cmp.Compare(a.PortNo, b.PortNo) })
	return vs, explain(err, meaning{syscall.ENODEV, ErrNoDatapath, "the datapath is gone"})
}

// Vport finds a port of a datapath by device name. Without one the error
// matches ErrNoVport.
func (c *Client) Vport(ctx context.Context, dp Datapath, name string) (Vport, error) {
	const op = "find port"
	if err := checkName(op, name); err != nil {
		return Vport{}, err
	}
	v, err := get(ctx, c, newVportRequest(op, uapi.OVS_VPORT_CMD_GET, dp, name,
		nl.AppendString(nil, uapi.OVS_VPORT_ATTR_NAME, name)), DecodeVport)
	return v, explain(err, noVport)
}

// VportByNumber finds a port of a datapath by number. Without one the error
// matches ErrNoVport.
func (c *Client) VportByNumber(ctx context.Context, dp Datapath, number uint32) (Vport, error) {
	v, err := get(ctx, c, newVportRequest("find port", uapi.OVS_VPORT_CMD_GET, dp, fmt.Sprint(number),
		nl.AppendUint32(nil, uapi.OVS_VPORT_ATTR_PORT_NO, number)), DecodeVport)
	return v, explain(err,
		meaning{syscall.ENODEV, ErrNoVport, "the datapath has no port of this number"},
		meaning{syscall.EFBIG, ErrNoVport, "port numbers are below 65535"})
}
