// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"slices"
	"strings"
	"syscall"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// DatapathConfig is a datapath to add.
type DatapathConfig struct {
	Name         string // also the name of its local port, a new device; at most 15 bytes
	UserFeatures uint32 // OVS_DP_F_*
	UpcallPID    uint32 // receives the local port's misses; 0: nobody
	// PerCPUPIDs receive misses by CPU; needs OVS_DP_F_DISPATCH_UPCALL_PER_CPU.
	PerCPUPIDs []uint32
}

// AddDatapath adds a datapath. It fails with ErrDatapathExists when a device of
// this name is there, whatever it is.
func (c *Client) AddDatapath(ctx context.Context, cfg DatapathConfig) (Datapath, error) {
	const op = "add datapath"
	if err := checkName(op, cfg.Name); err != nil {
		return Datapath{}, err
	}
	b := nl.AppendString(nil, uapi.OVS_DP_ATTR_NAME, cfg.Name)
	b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_UPCALL_PID, cfg.UpcallPID)
	b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_USER_FEATURES, cfg.UserFeatures)
	if len(cfg.PerCPUPIDs) > 0 { // the kernel refuses an empty array (ERANGE)
		b = appendUint32s(b, uapi.OVS_DP_ATTR_PER_CPU_PIDS, cfg.PerCPUPIDs)
	}
	dp, err := create(ctx, c, request{
		op: op, object: cfg.Name, family: uapi.OVS_DATAPATH_FAMILY,
		command: uapi.OVS_DP_CMD_NEW, attrs: b, spec: datapathSpec,
	}, DecodeDatapath)
	return dp, explain(err,
		meaning{syscall.EEXIST, ErrDatapathExists, "a datapath or another device has this name"},
		meaning{syscall.EINVAL, nil, "is it a valid device name?"})
}

// DelDatapath deletes a datapath with its ports and flows.
func (c *Client) DelDatapath(ctx context.Context, name string) error {
	const op = "delete datapath"
	if err := checkName(op, name); err != nil {
		return err
	}
	err := c.execute(ctx, request{
		op: op, object: name, family: uapi.OVS_DATAPATH_FAMILY,
		command: uapi.OVS_DP_CMD_DEL, attrs: nl.AppendString(nil, uapi.OVS_DP_ATTR_NAME, name), spec: datapathSpec,
	})
	return explain(err, meaning{syscall.ENODEV, ErrNoDatapath, "no datapath has this name"})
}

// Datapaths lists the datapaths of the namespace by name.
func (c *Client) Datapaths(ctx context.Context) ([]Datapath, error) {
	dps, err := dump(ctx, c, request{
		op: "list datapaths", family: uapi.OVS_DATAPATH_FAMILY, command: uapi.OVS_DP_CMD_GET, spec: datapathSpec,
	}, DecodeDatapath)
	slices.SortFunc(dps, func(a, b Datapath) int { return strings.Compare(a.Name, b.Name) })
	return dps, err
}

// Datapath finds a datapath by name. Without one of that name the error matches
// ErrNoDatapath.
func (c *Client) Datapath(ctx context.Context, name string) (Datapath, error) {
	dps, err := c.Datapaths(ctx)
	if err != nil {
		return Datapath{}, err
	}
	for _, dp := range dps {
		if dp.Name == name {
			return dp, nil
		}
	}
	return Datapath{}, &nl.Error{Op: "find datapath", Object: name, Err: ErrNoDatapath}
}
