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
	// MasksCacheSize is the number of entries of the mask cache, 0 or a power
	// of two; nil takes the kernel's 256.
	MasksCacheSize *uint32
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
	if cfg.MasksCacheSize != nil {
		b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_MASKS_CACHE_SIZE, *cfg.MasksCacheSize)
	}
	dp, err := change(ctx, c, request{
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
	return explain(err, noDatapath)
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
	const op = "find datapath"
	if err := checkName(op, name); err != nil {
		return Datapath{}, err
	}
	dp, err := get(ctx, c, request{
		op: op, object: name, family: uapi.OVS_DATAPATH_FAMILY,
		command: uapi.OVS_DP_CMD_GET, attrs: nl.AppendString(nil, uapi.OVS_DP_ATTR_NAME, name), spec: datapathSpec,
	}, DecodeDatapath)
	return dp, explain(err, noDatapath)
}

var (
	noDatapath   = meaning{syscall.ENODEV, ErrNoDatapath, "no datapath has this name"}
	datapathGone = meaning{syscall.ENODEV, ErrNoDatapath, "the datapath is gone"}
)

// DatapathChange is what SetDatapath changes; what is nil stays.
type DatapathChange struct {
	UserFeatures   *uint32  // OVS_DP_F_*
	MasksCacheSize *uint32  // entries, 0 or a power of two
	PerCPUPIDs     []uint32 // only with OVS_DP_F_DISPATCH_UPCALL_PER_CPU
}

// SetDatapath changes a datapath and returns it as it is then.
//
// A request without user features takes all of them away from the datapath, so
// that they are read first when they are to stay: a change that somebody else
// makes in between is lost.
func (c *Client) SetDatapath(ctx context.Context, dp Datapath, ch DatapathChange) (Datapath, error) {
	const op = "change datapath"
	if err := checkName(op, dp.Name); err != nil {
		return Datapath{}, err
	}
	features := ch.UserFeatures
	if features == nil {
		now, err := c.Datapath(ctx, dp.Name)
		if err != nil {
			return Datapath{}, err
		}
		features = &now.UserFeatures
	}
	b := nl.AppendString(nil, uapi.OVS_DP_ATTR_NAME, dp.Name)
	b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_USER_FEATURES, *features)
	if ch.MasksCacheSize != nil {
		b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_MASKS_CACHE_SIZE, *ch.MasksCacheSize)
	}
	if len(ch.PerCPUPIDs) > 0 { // the kernel refuses an empty array (ERANGE)
		b = appendUint32s(b, uapi.OVS_DP_ATTR_PER_CPU_PIDS, ch.PerCPUPIDs)
	}
	dp, err := change(ctx, c, request{
		op: op, object: dp.Name, family: uapi.OVS_DATAPATH_FAMILY,
		command: uapi.OVS_DP_CMD_SET, attrs: b, spec: datapathSpec,
	}, DecodeDatapath)
	return dp, explain(err, noDatapath,
		meaning{syscall.EOPNOTSUPP, ErrUnsupported, "this kernel lacks one of the user features"},
		meaning{syscall.EINVAL, nil, "the size of the mask cache is 0 or a power of two up to 4096"},
		meaning{syscall.ERANGE, nil, "the size of the mask cache is 0 or a power of two up to 4096"})
}
