// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

func getFlowCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "get-flow [DP] FLOW",
		Short: "print one flow",
		Long: `get-flow prints one flow as dump-flows does. FLOW is its id, ufid:UUID, or for a
flow without one exactly its key and mask.`,
		Example: "  ovs-dpctl get-flow dp0 ufid:b028cc99-9bd1-4d6e-9217-0000566bbcc4",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withFlowID(cmd, o, args, func(s session, dp ovs.Datapath, m odp.Match, ufid odp.UFID) error {
				f, err := s.GetFlow(cmd.Context(), dp, m, ufid)
				if err != nil {
					return err
				}
				now, err := monotonicMS()
				if err != nil {
					return err
				}
				if flags.JSON() {
					return cli.PrintList(cmd.OutOrStdout(), flowsSchema, []flowItem{newFlowItem(f, now)}, flags.Pretty())
				}
				text, err := s.flowText(cmd.Context(), dp)
				if err != nil {
					return err
				}
				printf(cmd, "%s\n", appendFlow(nil, f, text, now))
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

func delFlowCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "del-flow [DP] FLOW",
		Short: "delete one flow",
		Long: `del-flow deletes one flow: the one with the id of FLOW, if it has one in front
("ufid:UUID" alone will do), else the one with exactly its key and mask.

With -s the counters it had are printed.`,
		Example: "  ovs-dpctl del-flow dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()'\n  ovs-dpctl del-flow dp0 ufid:b028cc99-9bd1-4d6e-9217-0000566bbcc4",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withFlowID(cmd, o, args, func(s session, dp ovs.Datapath, m odp.Match, ufid odp.UFID) error {
				f, err := s.delFlow(cmd.Context(), dp, m, ufid)
				if err != nil {
					return err
				}
				return s.printStats(cmd, f)
			})
		},
	}
}

// delFlow deletes a flow by its id alone when it has one: the kernel does not
// look at the key then, but checks it.
func (s session) delFlow(ctx context.Context, dp ovs.Datapath, m odp.Match, ufid odp.UFID) (ovs.Flow, error) {
	if ufid != nil {
		m = odp.Match{}
	}
	return s.TakeFlow(ctx, dp, m, ufid)
}

// withFlowID reads [DP] FLOW, where FLOW need only say which flow is meant.
func withFlowID(cmd *cobra.Command, o *options, args []string, f func(session, ovs.Datapath, odp.Match, odp.UFID) error) error {
	n := len(args) - 1
	if _, _, err := parseFlowID(args[n], nil); err != nil && !namesPort(err) {
		return err
	}
	return withClient(o, func(s session) error {
		dp, err := s.datapath(cmd.Context(), args[:n])
		if err != nil {
			return err
		}
		ports, err := s.portNumbers(cmd.Context(), dp)
		if err != nil {
			return err
		}
		m, ufid, err := parseFlowID(args[n], ports)
		if err != nil {
			return err
		}
		return f(s, dp, m, ufid)
	})
}

func parseFlowID(text string, ports odp.Ports) (odp.Match, odp.UFID, error) {
	// An id alone is no flow that could be added, but it says which one.
	if id, ok := strings.CutPrefix(text, "ufid:"); ok && !strings.Contains(id, ",") {
		ufid, err := odp.ParseUFID(id)
		if err != nil {
			err = cli.Usagef("flow: %w", err)
		}
		return odp.Match{}, ufid, err
	}
	ufid, m, err := odp.ParseFlow(text, ports)
	switch {
	case err != nil:
		return m, ufid, cli.Usagef("%w", err)
	case ufid == nil && len(m.Fields) == 0:
		return m, ufid, cli.Usagef("flow: neither an id (ufid:UUID) nor a key")
	}
	if err := m.CheckKernel(); err != nil {
		return m, ufid, cli.Usagef("%w", err)
	}
	return m, ufid, nil
}
