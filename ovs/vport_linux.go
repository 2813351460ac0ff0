// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"cmp"
	"context"
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
	// More than one needs a datapath with OVS_DP_F_VPORT_PIDS.
	UpcallPIDs []uint32
}

// AddVport adds a port and returns it under the name the kernel has for it. A device that is not there gives ErrNoDevice, a taken
// port number, device or name ErrPortInUse.
func (c *Client) AddVport(ctx context.Context, dp Datapath, cfg VportConfig) (Vport, error) {
	const op = "add port"
	if err := checkName(op, cfg.Name); err != nil {
		return Vport{}, err
	}
	typ := cmp.Or(cfg.Type, VportNetdev)
	b := nl.AppendUint32(nil, uapi.OVS_VPORT_ATTR_TYPE, uint32(typ))
	b = nl.AppendString(b, uapi.OVS_VPORT_ATTR_NAME, cfg.Name)
	b = appendUint32s(b, uapi.OVS_VPORT_ATTR_UPCALL_PID, upcallPIDs(cfg.UpcallPIDs))
	if cfg.PortNo != 0 {
		b = nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_PORT_NO, cfg.PortNo)
	}
	v, err := create(ctx, c, newVportRequest(op, uapi.OVS_VPORT_CMD_NEW, dp, cfg.Name, b), DecodeVport)
	if err != nil {
		ms := []meaning{
			{syscall.EBUSY, ErrPortInUse, "the device belongs to another datapath, bridge or bond, or the port number is taken"},
			{syscall.EFBIG, nil, "the kernel takes port numbers below 65535"},
			{syscall.EAFNOSUPPORT, nil, "the kernel has no module for ports of this type"},
		}
		if typ == VportNetdev {
			ms = append(ms,
				meaning{syscall.EEXIST, ErrPortInUse, "the device is a port of this datapath already"},
				meaning{syscall.ENODEV, ErrNoDevice, "no such network device in this namespace"},
				meaning{syscall.EINVAL, nil, "a loopback, non-Ethernet or datapath device cannot be a port"})
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
	b := nl.AppendString(nil, uapi.OVS_VPORT_ATTR_NAME, name)
	b = appendUint32s(b, uapi.OVS_VPORT_ATTR_UPCALL_PID, upcallPIDs(pids))
	return explain(c.vportRequest(ctx, "change port", uapi.OVS_VPORT_CMD_SET, dp, name, b), noVport)
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
	vs, err := c.Vports(ctx, dp)
	if err != nil {
		return Vport{}, err
	}
	for _, v := range vs {
		if v.Name == name {
			return v, nil
		}
	}
	return Vport{}, &nl.Error{Op: "find port", Object: vportObject(dp, name), Err: ErrNoVport}
}
