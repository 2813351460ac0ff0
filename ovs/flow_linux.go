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
	r, err := newFlowRequest(op, uapi.OVS_FLOW_CMD_NEW, dp, f, true)
	if err != nil {
		return err
	}
	r.flags = flags
	return explain(c.execute(ctx, r), append(refusals(f.Probe),
		meaning{syscall.EEXIST, ErrFlowExists, "a flow with this key or id is there"})...)
}

// refusals are what the kernel says about flows it does not take.
func refusals(probe bool) []meaning {
	return []meaning{
		datapathGone,
		{syscall.EINVAL, nil, refusedHint(probe)},
		{syscall.ERANGE, nil, refusedHint(probe)},
		{syscall.EOVERFLOW, nil, "the actions nest deeper than the kernel takes"},
		{syscall.E2BIG, nil, "the action list is too long for the kernel"},
		{syscall.EOPNOTSUPP, ErrUnsupported, "the kernel lacks a part these actions need"},
	}
}

func refusedHint(probe bool) string {
	if probe {
		return ""
	}
	return "the kernel log may say why: dmesg"
}

// FlowChange says what SetFlow changes.
type FlowChange struct {
	KeepActions bool // leave the actions as they are
	ClearStats  bool // set the counters to zero
}

// SetFlow changes a flow that is there: its actions unless ch.KeepActions, its
// counters with ch.ClearStats. It is found by its id or, without an id, by
// exactly its key and mask; new actions want the key in any case, as the kernel
// checks them against it. SetFlow returns the flow with its new actions and the
// counters it had. Without such a flow the error matches ErrNoFlow.
func (c *Client) SetFlow(ctx context.Context, dp Datapath, f FlowSpec, ch FlowChange) (Flow, error) {
	const op = "change flow"
	if err := checkFlowID(op, dp, f); err != nil {
		return Flow{}, err
	}
	r, err := newFlowRequest(op, uapi.OVS_FLOW_CMD_SET, dp, f, !ch.KeepActions)
	if err != nil {
		return Flow{}, err
	}
	if ch.ClearStats {
		r.attrs = nl.AppendFlag(r.attrs, uapi.OVS_FLOW_ATTR_CLEAR)
	}
	flow, err := change(ctx, c, r, DecodeFlow)
	return flow, explain(err, append(refusals(f.Probe), noFlow)...)
}

// GetFlow reads one flow, by its id or, without an id, by exactly its key and
// mask. Without such a flow the error matches ErrNoFlow.
func (c *Client) GetFlow(ctx context.Context, dp Datapath, match odp.Match, ufid odp.UFID) (Flow, error) {
	const op = "get flow"
	f := FlowSpec{Match: match, UFID: ufid}
	if err := checkFlowID(op, dp, f); err != nil {
		return Flow{}, err
	}
	r, err := newFlowRequest(op, uapi.OVS_FLOW_CMD_GET, dp, f, false)
	if err != nil {
		return Flow{}, err
	}
	flow, err := get(ctx, c, r, DecodeFlow)
	return flow, explain(err, datapathGone, noFlow)
}

// DelFlow deletes the flow with this id or, without an id, with exactly this
// key and mask.
func (c *Client) DelFlow(ctx context.Context, dp Datapath, match odp.Match, ufid odp.UFID) error {
	_, err := c.TakeFlow(ctx, dp, match, ufid)
	return err
}

// TakeFlow is DelFlow that returns the flow with its last counters.
func (c *Client) TakeFlow(ctx context.Context, dp Datapath, match odp.Match, ufid odp.UFID) (Flow, error) {
	const op = "delete flow"
	f := FlowSpec{Match: match, UFID: ufid}
	if err := checkFlowID(op, dp, f); err != nil {
		return Flow{}, err
	}
	r, err := newFlowRequest(op, uapi.OVS_FLOW_CMD_DEL, dp, f, false)
	if err != nil {
		return Flow{}, err
	}
	flow, err := change(ctx, c, r, DecodeFlow)
	return flow, explain(err, datapathGone, noFlow)
}

var noFlow = meaning{syscall.ENOENT, ErrNoFlow, "no flow has this key and mask, or this id"}

// checkFlowID refuses a flow that nothing names: the kernel would take that for
// all flows, or for another operation.
func checkFlowID(op string, dp Datapath, f FlowSpec) error {
	if len(f.Match.Fields) == 0 && f.UFID == nil {
		return &nl.Error{Op: op, Object: flowObject(dp), Err: errors.New("neither key nor id given")}
	}
	return nil
}

// FlushFlows deletes all flows of a datapath.
func (c *Client) FlushFlows(ctx context.Context, dp Datapath) error {
	err := c.execute(ctx, request{
		op: "delete flows", object: flowObject(dp), family: uapi.OVS_FLOW_FAMILY,
		command: uapi.OVS_FLOW_CMD_DEL, ifindex: dp.Ifindex, spec: flowSpec,
	})
	return explain(err, datapathGone)
}

func newFlowRequest(op string, cmd uint8, dp Datapath, f FlowSpec, withActions bool) (request, error) {
	attrs, err := f.appendAttrs(nil, withActions)
	if err != nil {
		return request{}, &nl.Error{Op: op, Object: flowObject(dp), Err: err}
	}
	return request{
		op: op, object: flowObject(dp), family: uapi.OVS_FLOW_FAMILY,
		command: cmd, ifindex: dp.Ifindex, attrs: attrs, spec: flowSpec,
	}, nil
}

func flowObject(dp Datapath) string { return "of datapath " + dp.Name }

// FlowDump says what Flows yields of each flow.
type FlowDump struct {
	// Omit has the kernel leave parts of flows out that have an id:
	// OVS_UFID_F_OMIT_KEY, _MASK, _ACTIONS.
	Omit uint32
}

// Flows yields the flows of a datapath as the kernel hands them out, so that a
// table of any size passes in bounded memory: a Flow is valid until the next one
// is asked for and must not be changed, Clone makes one that stays.
//
// A flow that cannot be decoded is reported in its place as an error that
// matches ErrBadFlow, and the walk goes on; an error of the dump itself is the
// last thing yielded. The kernel does not tell when flows come and go during a
// dump; should one do so, ErrInterrupted comes after the last flow.
//
// The dump has a socket of its own: other calls on the Client are free to run
// meanwhile, also from the loop.
func (c *Client) Flows(ctx context.Context, dp Datapath, o FlowDump) iter.Seq2[Flow, error] {
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
		if o.Omit != 0 {
			r.attrs = nl.AppendUint32(nil, uapi.OVS_FLOW_ATTR_UFID_FLAGS, o.Omit)
		}
		gr, err := c.generic(r)
		if err != nil {
			yield(Flow{}, err)
			return
		}
		var d flowDecoder
		for b, err := range g.Stream(ctx, gr) {
			if err != nil {
				yield(Flow{}, explain(err, datapathGone))
				return
			}
			f, err := d.decode(b)
			if err == nil && !d.hasActions && o.Omit&uapi.OVS_UFID_F_OMIT_ACTIONS == 0 {
				f, err = c.longFlow(ctx, dp, f)
				if errors.Is(err, ErrNoFlow) {
					continue
				}
			}
			if err != nil {
				err = &nl.Error{Op: r.op, Object: r.object, Err: fmt.Errorf("%w: %w", ErrBadFlow, err)}
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// longFlow reads a flow again whose actions are too long for a dump: the kernel
// leaves them out there.
func (c *Client) longFlow(ctx context.Context, dp Datapath, f Flow) (Flow, error) {
	whole, err := c.GetFlow(ctx, dp, f.Match, f.UFID)
	if err != nil {
		return f, err
	}
	return whole, nil
}
