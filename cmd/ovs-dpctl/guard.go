// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dpscope/dpscope/cmd/ovs-dpctl/owner"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
)

// vswitchdDatapath is what ovs-vswitchd calls the one datapath of all its
// bridges.
const vswitchdDatapath = "ovs-system"

// wantNoOwner refuses a datapath that a running ovs-vswitchd looks after.
func (s session) wantNoOwner(ctx context.Context, name string) error {
	dp, err := s.Datapath(ctx, name)
	if errors.Is(err, ovs.ErrNoDatapath) {
		return nil // the kernel says so better
	}
	if err != nil {
		return err
	}
	owners, err := s.owners(ctx, dp)
	if err != nil {
		return err
	}
	for _, p := range owners {
		if p.IsVswitchd() || p.PID == 0 {
			return fmt.Errorf("delete datapath %s: its packets go to %s (stop it first; --force deletes it all the same)", name, p)
		}
	}
	return nil
}

// owners are the processes that look after a datapath.
func (s session) owners(ctx context.Context, dp ovs.Datapath) ([]owner.Process, error) {
	vports, err := s.Vports(ctx, dp)
	if err != nil {
		return nil, err
	}
	ports := perCPUPIDs(dp)
	for _, v := range vports {
		ports = append(ports, v.UpcallPIDs...)
	}
	f := owner.Finder{NetNS: s.ns}
	owners, err := f.Receivers(ports)
	if err != nil {
		return nil, err
	}
	// A daemon that is just starting, or told not to forward yet, receives
	// nothing.
	if len(owners) == 0 && dp.Name == vswitchdDatapath {
		owners = f.Vswitchds()
	}
	return owners, nil
}

// perCPUPIDs are the port ids that receive a datapath's packets by CPU.
func perCPUPIDs(dp ovs.Datapath) []uint32 {
	var pids []uint32
	for _, at := range dp.Unknown {
		if at.Type == uapi.OVS_DP_ATTR_PER_CPU_PIDS {
			for b := at.Data; len(b) >= 4; b = b[4:] {
				pids = append(pids, binary.NativeEndian.Uint32(b))
			}
		}
	}
	return pids
}
