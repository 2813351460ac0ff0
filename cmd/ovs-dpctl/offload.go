// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/tc"
)

// offloaded counts flows that ovs-vswitchd has handed to tc.
type offloaded struct{ software, hardware int }

// warnOffloaded says what of the flows the user wants is not in the kernel's
// datapath. What keeps it from looking does not fail the dump.
func (s session) warnOffloaded(cmd *cobra.Command, dp ovs.Datapath, a dumpArgs) {
	o, err := s.offloaded(cmd.Context(), dp)
	if err != nil {
		if cmd.Context().Err() == nil {
			cli.Warnf(cmd, "count flows offloaded to tc: %v", err)
		}
		return
	}
	n := 0
	if a.tc(false) {
		n += o.software
	}
	if a.tc(true) {
		n += o.hardware
	}
	switch {
	case n == 1:
		cli.Warnf(cmd, "1 flow is offloaded to tc, not shown%s (ovs-appctl dpctl/dump-flows shows it)", inHardware(o, a))
	case n > 1:
		cli.Warnf(cmd, "%d flows are offloaded to tc, not shown%s (ovs-appctl dpctl/dump-flows shows them)", n, inHardware(o, a))
	}
}

func inHardware(o offloaded, a dumpArgs) string {
	if o.hardware == 0 || !a.tc(true) {
		return ""
	}
	return fmt.Sprintf(", %d of them in hardware", o.hardware)
}

// offloaded looks at the filters on the ports of a datapath.
func (s session) offloaded(ctx context.Context, dp ovs.Datapath) (o offloaded, err error) {
	vports, err := s.Vports(ctx, dp)
	if err != nil {
		return o, err
	}
	c, err := tc.Open(s.ns)
	if err != nil {
		return o, err
	}
	defer func() { _ = c.Close() }()
	for _, v := range vports {
		// A device in another namespace has an index there, and filters.
		if v.NetNSID != nil || v.Ifindex <= 0 {
			continue
		}
		// Packets the host sends to the local port leave on that device.
		d := tc.Ingress
		if v.Type == ovs.VportInternal {
			d = tc.Egress
		}
		for f, err := range c.Filters(ctx, uint32(v.Ifindex), d) {
			if errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.EINVAL) {
				break // gone meanwhile, or it has another discipline
			}
			if err != nil {
				return o, err
			}
			switch isFlow, hardware := offloadedFlow(f); {
			case hardware:
				o.hardware++
			case isFlow:
				o.software++
			}
		}
	}
	return o, nil
}

// offloadedFlow tells whether a filter is a flow of Open vSwitch's, and whether
// hardware runs it. ovs-vswitchd writes flower filters whose actions carry the
// flow's id as their cookie.
func offloadedFlow(f tc.Filter) (isFlow, hardware bool) {
	const (
		flowerAct   = 3      // TCA_FLOWER_ACT, linux/pkt_cls.h
		flowerFlags = 22     // TCA_FLOWER_FLAGS
		inHW        = 1 << 2 // TCA_CLS_FLAGS_IN_HW
		ufidLen     = 16
	)
	if f.Kind != "flower" || f.Handle == 0 {
		return false, false
	}
	for _, u := range f.Unknown {
		if u.Path != "" || u.Type != uapi.TCA_OPTIONS {
			continue
		}
		for at, err := range nl.Attrs(u.Hex) {
			if err != nil {
				return false, false
			}
			switch at.Type {
			case flowerFlags:
				v, _ := at.Uint32()
				hardware = v&inHW != 0
			case flowerAct:
				isFlow = isFlow || hasCookie(at.Data, ufidLen)
			}
		}
	}
	return isFlow, isFlow && hardware
}

// hasCookie tells whether an action of a list has a cookie of n bytes.
func hasCookie(actions []byte, n int) bool {
	for act, err := range nl.Attrs(actions) {
		if err != nil {
			return false
		}
		for at, err := range nl.Attrs(act.Data) {
			if err == nil && at.Type == uapi.TCA_ACT_COOKIE && len(at.Data) == n {
				return true
			}
		}
	}
	return false
}
