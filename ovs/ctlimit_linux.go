// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"syscall"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// ZoneLimits reads the conntrack limits of the given zones, or without any the
// default and those of all zones that have one. The limits belong to the
// network namespace, not to a datapath. A kernel built without
// CONFIG_NETFILTER_CONNCOUNT gives an error that matches ErrUnsupported.
func (c *Client) ZoneLimits(ctx context.Context, zones ...int) ([]ZoneLimit, error) {
	const op = "read conntrack limits"
	var attrs []byte
	if len(zones) > 0 {
		var err error
		if attrs, err = appendZoneLimits(nil, zoneList(zones)); err != nil {
			return nil, &nl.Error{Op: op, Err: err}
		}
	}
	list, err := get(ctx, c, zoneLimitRequest(op, uapi.OVS_CT_LIMIT_CMD_GET, attrs), DecodeZoneLimits)
	// The kernel builds its answer in one page.
	return list, explain(err, meaning{syscall.EMSGSIZE, nil, "too many zones for one answer: ask for fewer by number"})
}

// SetZoneLimits sets the conntrack limits of zones; Count plays no part.
func (c *Client) SetZoneLimits(ctx context.Context, limits ...ZoneLimit) error {
	return c.changeZoneLimits(ctx, "set conntrack limits", uapi.OVS_CT_LIMIT_CMD_SET, limits)
}

// DelZoneLimits takes the conntrack limits of zones away; one that has none is
// no error. The default becomes no limit.
func (c *Client) DelZoneLimits(ctx context.Context, zones ...int) error {
	return c.changeZoneLimits(ctx, "delete conntrack limits", uapi.OVS_CT_LIMIT_CMD_DEL, zoneList(zones))
}

func (c *Client) changeZoneLimits(ctx context.Context, op string, cmd uint8, list []ZoneLimit) error {
	if len(list) == 0 {
		return &nl.Error{Op: op, Err: errors.New("no zone given")}
	}
	attrs, err := appendZoneLimits(nil, list)
	if err != nil {
		return &nl.Error{Op: op, Err: err}
	}
	return c.execute(ctx, zoneLimitRequest(op, cmd, attrs))
}

func zoneList(zones []int) []ZoneLimit {
	list := make([]ZoneLimit, len(zones))
	for i, z := range zones {
		list[i].Zone = z
	}
	return list
}

func zoneLimitRequest(op string, cmd uint8, attrs []byte) request {
	return request{op: op, family: uapi.OVS_CT_LIMIT_FAMILY, command: cmd, attrs: attrs, spec: zoneLimitSpec}
}
