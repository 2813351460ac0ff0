// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/ovs-dpctl/owner"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
)

func upcallsCommand(o *options) *cobra.Command {
	var flags streamFlags
	cmd := &cobra.Command{
		Use:   "upcalls DP [IF[,OPTION...]]...",
		Short: "print the packets a datapath sends to user space",
		Long: `upcalls makes itself the receiver of ports and prints what they send to user
space: packets that no flow matches, and those of userspace actions. It prints
the key the datapath extracted and a summary of the packet; nobody answers, so
the packets are dropped.

Each IF that is not a port of the datapath yet becomes one, with options as in
add-if, and is taken off in the end. One that is a port must have no receiver:
what goes to ovs-vswitchd, say, is never taken from it. Without IF these are all
ports that have none. In the end they have none again.

The port id of the socket is in the line with "ready" on standard error: an action
userspace(pid=ID) sends there, too.`,
		Example: "  ovs-dpctl upcalls dp0 veth0 -c 10",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ports, err := parsePorts(args[1:], ovs.VportNetdev)
			if err != nil {
				return err
			}
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args[:1])
				if err != nil {
					return err
				}
				return s.upcalls(cmd, dp, ports, &flags)
			})
		},
	}
	flags.add(cmd, "packets")
	return cmd
}

func (s session) upcalls(cmd *cobra.Command, dp ovs.Datapath, ports []ovs.VportConfig, flags *streamFlags) (err error) {
	if dp.UserFeatures&uapi.OVS_DP_F_DISPATCH_UPCALL_PER_CPU != 0 {
		return fmt.Errorf("receive upcalls of datapath %s: it sends them by CPU, not by port (add-dp of this tool makes one that does otherwise)", dp.Name)
	}
	sock, err := ovs.OpenUpcalls(s.ns)
	if err != nil {
		return err
	}
	defer func() { _ = sock.Close() }()
	names, back, err := s.receive(cmd.Context(), dp, ports, sock.PID())
	defer func() {
		// The socket is still open, so that no packet finds its id with
		// somebody else.
		if berr := back(undoContext(cmd.Context())); berr != nil {
			err = errors.Join(err, berr)
		}
	}()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("receive upcalls of datapath %s: all its ports have a receiver", dp.Name)
	}
	cli.Warnf(cmd, "ready: port id %d receives the upcalls of %v", sock.PID(), names)
	p := upcallPrinter{dp: dp.Name, o: s.o, json: flags.json}
	if p.names, err = s.portNames(cmd.Context(), dp); err != nil {
		return err
	}
	lost := 0
	err = flags.run(cmd, func(ctx context.Context) ([]byte, bool, error) {
		u, err := sock.Receive(ctx)
		if errors.Is(err, ovs.ErrUpcallsLost) {
			lost++
			line, err := p.lost(time.Now())
			return line, false, err
		}
		if err != nil {
			return nil, false, err
		}
		line, err := p.line(u, time.Now())
		return line, true, err
	})
	if lost > 0 {
		cli.Warnf(cmd, "packets were lost %d times: they came faster than they were read", lost)
	}
	return err
}

// receive makes a socket the receiver of ports. back undoes that, also after an
// error.
func (s session) receive(ctx context.Context, dp ovs.Datapath, ports []ovs.VportConfig, pid uint32) (names []string, back func(context.Context) error, err error) {
	var undo []func(context.Context) error
	back = func(ctx context.Context) error {
		var errs []error
		for _, u := range slices.Backward(undo) {
			// A port that is gone meanwhile needs nothing.
			if err := u(ctx); err != nil && !errors.Is(err, ovs.ErrNoVport) && !errors.Is(err, ovs.ErrNoDatapath) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	have, err := s.Vports(ctx, dp)
	if err != nil {
		return nil, back, err
	}
	wanted := ports
	if len(ports) == 0 {
		for _, v := range have {
			if !received(v) {
				wanted = append(wanted, ovs.VportConfig{Name: v.Name})
			}
		}
	}
	for _, w := range wanted {
		i := slices.IndexFunc(have, func(v ovs.Vport) bool { return v.Name == w.Name })
		if i >= 0 {
			if err := s.wantUnreceived(dp, have[i]); err != nil {
				return names, back, err
			}
			if err := s.SetVportUpcallPIDs(ctx, dp, w.Name, pid); err != nil {
				return names, back, err
			}
			undo = append(undo, func(ctx context.Context) error { return s.SetVportUpcallPIDs(ctx, dp, w.Name) })
			names = append(names, w.Name)
			continue
		}
		w.UpcallPIDs = []uint32{pid}
		v, err := s.AddVport(ctx, dp, w)
		if err != nil {
			return names, back, err
		}
		undo = append(undo, func(ctx context.Context) error { return s.DelVport(ctx, dp, v.Name) })
		if err := nl.SetLinkUp(ctx, s.ns, v.Ifindex, v.Name); err != nil {
			return names, back, err
		}
		names = append(names, v.Name)
	}
	return names, back, nil
}

func received(v ovs.Vport) bool {
	return slices.ContainsFunc(v.UpcallPIDs, func(pid uint32) bool { return pid != 0 })
}

// wantUnreceived refuses a port whose packets go to somebody.
func (s session) wantUnreceived(dp ovs.Datapath, v ovs.Vport) error {
	if !received(v) {
		return nil
	}
	who, err := owner.Finder{NetNS: s.ns}.Receivers(v.UpcallPIDs)
	if err != nil {
		return err
	}
	if len(who) == 0 {
		return nil // what received them has ended
	}
	return fmt.Errorf("receive upcalls of port %s of datapath %s: they go to %s", v.Name, dp.Name, who[0])
}
