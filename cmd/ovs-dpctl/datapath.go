// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
)

func addDPCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "add-dp DP [IF...]",
		Short: "add a datapath, with ports if given",
		Long: `add-dp makes a datapath and the network device of the same name that is its
local port. Packets without a flow are dropped: nobody listens for them.

IF takes options as in add-if. If a port cannot be added the datapath is taken
back.`,
		Example: "  ovs-dpctl add-dp dp0\n  ovs-dpctl add-dp dp0 veth0 veth1",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := datapathName(args[0])
			if err != nil {
				return err
			}
			ports, err := parsePorts(args[1:], ovs.VportNetdev)
			if err != nil {
				return err
			}
			return withClient(o, func(s session) error {
				ctx := cmd.Context()
				// What ovs-vswitchd asks for as well: compact upcalls and
				// several receivers per port.
				dp, err := s.AddDatapath(ctx, ovs.DatapathConfig{
					Name:         name,
					UserFeatures: uapi.OVS_DP_F_UNALIGNED | uapi.OVS_DP_F_VPORT_PIDS,
				})
				if err != nil {
					return err
				}
				if err := s.addPorts(ctx, dp, ports); err != nil {
					return s.undo(cmd, err, func() error { return s.DelDatapath(undoContext(ctx), name) })
				}
				return nil
			})
		},
	}
}

func delDPCommand(o *options) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "del-dp DP",
		Short: "delete a datapath with its ports and flows",
		Long: `del-dp deletes a datapath with its ports, flows and meters.

One that a running ovs-vswitchd looks after stays, unless --force is given: the
daemon would go on without noticing, and all its bridges would be dead. It is
found by the sockets that receive the datapath's packets.`,
		Example: "  ovs-dpctl del-dp dp0",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := datapathName(args[0])
			if err != nil {
				return err
			}
			return withClient(o, func(s session) error {
				if !force {
					if err := s.wantNoOwner(cmd.Context(), name); err != nil {
						return err
					}
				}
				return s.DelDatapath(cmd.Context(), name)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "delete it although ovs-vswitchd looks after it")
	return cmd
}

// datapathsSchema is the schema of dump-dps and show.
const datapathsSchema = "ovs-datapaths/1"

func dumpDPsCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "dump-dps",
		Short: "list the datapaths",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(o, func(s session) error {
				dps, err := s.Datapaths(cmd.Context())
				if err != nil {
					return err
				}
				if flags.JSON() {
					return cli.PrintList(cmd.OutOrStdout(), datapathsSchema, dps, flags.Pretty())
				}
				for _, dp := range dps {
					printf(cmd, "system@%s\n", dp.Name)
				}
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}
