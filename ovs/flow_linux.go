// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"syscall"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// AddFlow adds a flow. One with the same key or id gives ErrFlowExists.
//
// A kernel without the psample action refuses it with EINVAL like any other
// fault in the actions; ProbePsampleAction tells the two apart.
func (c *Client) AddFlow(ctx context.Context, dp Datapath, f FlowSpec) error {
	// The kernel reads NLM_F_CREATE alone as "must not exist": generic netlink
	// would take NLM_F_EXCL for a dump.
	return c.putFlow(ctx, "add flow", dp, f, netlink.Create)
}

// PutFlow adds a flow, or gives the one with this key its actions.
func (c *Client) PutFlow(ctx context.Context, dp Datapath, f FlowSpec) error {
	return c.putFlow(ctx, "put flow", dp, f, 0)
}

func (c *Client) putFlow(ctx context.Context, op string, dp Datapath, f FlowSpec, flags netlink.HeaderFlags) error {
	err := c.flowRequest(ctx, op, uapi.OVS_FLOW_CMD_NEW, flags, dp, f, true)
	return explain(err, noFlowDatapath,
		meaning{syscall.EEXIST, ErrFlowExists, "a flow with this key or id is there"},
		meaning{syscall.EINVAL, nil, refusedHint(f.Probe)},
		meaning{syscall.ERANGE, nil, refusedHint(f.Probe)},
		meaning{syscall.EOVERFLOW, nil, "the actions nest deeper than the kernel takes"},
		meaning{syscall.E2BIG, nil, "the action list is too long for the kernel"},
		meaning{syscall.EOPNOTSUPP, nil, "the kernel lacks a part these actions need"})
}

func refusedHint(probe bool) string {
	if probe {
		return ""
	}
	return "the kernel log may say why: dmesg"
}

var noFlowDatapath = meaning{syscall.ENODEV, ErrNoDatapath, "the datapath is gone"}

// DelFlow deletes the flow with this id or, without an id, with exactly this
// key and mask.
func (c *Client) DelFlow(ctx context.Context, dp Datapath, match odp.Match, ufid odp.UFID) error {
	const op = "delete flow"
	if len(match.Fields) == 0 && ufid == nil {
		// The kernel would take that for all flows.
		return &nl.Error{Op: op, Object: flowObject(dp), Err: errors.New("neither key nor id given")}
	}
	err := c.flowRequest(ctx, op, uapi.OVS_FLOW_CMD_DEL, 0, dp, FlowSpec{Match: match, UFID: ufid}, false)
	return explain(err, noFlowDatapath, meaning{syscall.ENOENT, ErrNoFlow, "no flow has this key and mask, or this id"})
}

// FlushFlows deletes all flows of a datapath.
func (c *Client) FlushFlows(ctx context.Context, dp Datapath) error {
	err := c.execute(ctx, request{
		op: "delete flows", object: flowObject(dp), family: uapi.OVS_FLOW_FAMILY,
		command: uapi.OVS_FLOW_CMD_DEL, ifindex: dp.Ifindex, spec: flowSpec,
	})
	return explain(err, noFlowDatapath)
}

func (c *Client) flowRequest(ctx context.Context, op string, cmd uint8, flags netlink.HeaderFlags, dp Datapath, f FlowSpec, withActions bool) error {
	attrs, err := f.appendAttrs(nil, withActions)
	if err != nil {
		return &nl.Error{Op: op, Object: flowObject(dp), Err: err}
	}
	return c.execute(ctx, request{
		op: op, object: flowObject(dp), family: uapi.OVS_FLOW_FAMILY,
		command: cmd, flags: flags, ifindex: dp.Ifindex, attrs: attrs, spec: flowSpec,
	})
}

func flowObject(dp Datapath) string { return "of datapath " + dp.Name }

// Flows yields the flows of a datapath as the kernel hands them out, so that a
// table of any size passes in bounded memory. A flow that cannot be decoded is
// reported in its place as an error that matches
// ErrBadFlow, and the walk goes on; an error of the dump
// itself is the last thing yielded, ErrDumpInterrupted included.
//
// The dump has a socket of its own: other calls on the Client are free to run
// meanwhile, also from the loop.
func (c *Client) Flows(ctx context.Context, dp Datapath) iter.Seq2[Flow, error] {
	return func(yield func(Flow, error) bool) {
		g, err := nl.DialGeneric(c.ns)
		if err != nil {
			yield(Flow{}, err)
			return
		}
		defer func() { _ = g.Close() }()
		r := request{
			op: "dump flows", object: flowObject(dp), family: uapi.OVS_FLOW_FAMILY,
			command: uapi.OVS_FLOW_CMD_GET, ifindex: dp.Ifindex, spec: flowSpec,
		}
		gr, err := c.generic(r)
		if err != nil {
			yield(Flow{}, err)
			return
		}
		for m, err := range g.Dump(ctx, gr) {
			if err != nil {
				yield(Flow{}, explain(err, noFlowDatapath))
				return
			}
			f, err := DecodeFlow(m.Data)
			if err != nil {
				err = &nl.Error{Op: r.op, Object: r.object, Err: fmt.Errorf("%w: %w", ErrBadFlow, err)}
			}
			if !yield(f, err) {
				return
			}
		}
	}
}
