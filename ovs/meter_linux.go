// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"fmt"
	"syscall"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// MeterFeatures asks what a datapath's meters can do.
func (c *Client) MeterFeatures(ctx context.Context, dp Datapath) (MeterFeatures, error) {
	f, err := get(ctx, c, meterRequest("read meter features", "of datapath "+dp.Name, uapi.OVS_METER_CMD_FEATURES, dp, nil), DecodeMeterFeatures)
	return f, explain(err, datapathGone)
}

// SetMeter makes a meter or replaces the one with this number, whose counters
// it returns. A meter that could not be replaced is gone: the kernel takes the
// old one away first.
func (c *Client) SetMeter(ctx context.Context, dp Datapath, cfg MeterConfig) (Meter, error) {
	const op = "set meter"
	attrs, err := cfg.appendAttrs(nil)
	if err != nil {
		return Meter{}, &nl.Error{Op: op, Object: meterObject(dp, cfg.ID), Err: err}
	}
	m, err := get(ctx, c, meterRequest(op, meterObject(dp, cfg.ID), uapi.OVS_METER_CMD_SET, dp, attrs), DecodeMeter)
	return m, explain(err, datapathGone,
		meaning{syscall.EBUSY, nil, "the kernel's table has another meter in this place; numbers one after the other never collide"},
		meaning{syscall.EFBIG, nil, "the datapath has as many meters as the kernel allows"},
		meaning{syscall.EINVAL, nil, "a meter wants a number and bands, each with a rate above zero"})
}

// Meter reads the counters of a meter. Without one of that number the error
// matches ErrNoMeter. The kernel lists no meters: a number has to be known.
func (c *Client) Meter(ctx context.Context, dp Datapath, id uint32) (Meter, error) {
	m, err := get(ctx, c, meterRequest("read meter", meterObject(dp, id), uapi.OVS_METER_CMD_GET, dp, meterID(id)), DecodeMeter)
	return m, explain(err, datapathGone, noMeter)
}

// DelMeter deletes a meter and returns its last counters. Without one of that
// number the error matches ErrNoMeter.
func (c *Client) DelMeter(ctx context.Context, dp Datapath, id uint32) (Meter, error) {
	const op = "delete meter"
	r := meterRequest(op, meterObject(dp, id), uapi.OVS_METER_CMD_DEL, dp, meterID(id))
	absent := false
	m, err := get(ctx, c, r, func(b []byte) (Meter, error) {
		absent = len(b) == headerLen // the kernel says nothing about one that is not there
		return DecodeMeter(b)
	})
	if absent {
		return m, &nl.Error{Op: op, Object: r.object, Err: ErrNoMeter}
	}
	return m, explain(err, datapathGone)
}

var noMeter = meaning{syscall.ENOENT, ErrNoMeter, "the datapath has no meter of this number"}

func meterID(id uint32) []byte { return nl.AppendUint32(nil, uapi.OVS_METER_ATTR_ID, id) }

func meterObject(dp Datapath, id uint32) string {
	return fmt.Sprintf("%d of datapath %s", id, dp.Name)
}

func meterRequest(op, object string, cmd uint8, dp Datapath, attrs []byte) request {
	return request{
		op: op, object: object, family: uapi.OVS_METER_FAMILY,
		command: cmd, ifindex: dp.Ifindex, attrs: attrs, spec: meterSpec,
	}
}
