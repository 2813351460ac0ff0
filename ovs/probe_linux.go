// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp"
)

// PsampleSince says where the psample action is to be had, for error texts.
const PsampleSince = "Linux 6.11 or later, or 6.1 with dpscope's kernel patches (kmod/)"

// ProbePsampleAction tells whether the running kernel has the psample action,
// by adding a flow with it to a datapath of its own in ns. ns should be a
// network namespace made for this (nl.NewNetNS); nil makes one and drops it.
// Version numbers say nothing here: the action may be patched into an old
// kernel, or its module be missing from a new one.
func ProbePsampleAction(ctx context.Context, ns *nl.NetNS) (supported bool, err error) {
	if ns == nil {
		if ns, err = nl.NewNetNS(); err != nil {
			return false, err
		}
		defer func() { _ = ns.Close() }()
	}
	c, err := Open(ns)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }()
	dp, err := c.AddDatapath(ctx, DatapathConfig{Name: "dpscope-probe"})
	if err != nil {
		return false, err
	}
	defer func() {
		if derr := c.DelDatapath(context.WithoutCancel(ctx), dp.Name); err == nil && derr != nil {
			supported, err = false, derr
		}
	}()

	_, match, err := odp.ParseFlow("in_port(0),eth(),eth_type(0x0800),ipv4()", nil)
	if err != nil {
		return false, err
	}
	flow := FlowSpec{Match: match, Probe: true}
	// The same flow without the action: if that fails, its failure says
	// nothing about the action.
	if err := c.PutFlow(ctx, dp, flow); err != nil {
		return false, fmt.Errorf("probe for the psample action: %w", err)
	}
	flow.Actions = odp.Actions{odp.Psample{Group: 1}}
	err = c.PutFlow(ctx, dp, flow)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EOPNOTSUPP):
		return false, nil
	default:
		return false, fmt.Errorf("probe for the psample action: %w", err)
	}
}
