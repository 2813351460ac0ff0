// SPDX-License-Identifier: Apache-2.0

// Command ovs-dpctl shows and changes Open vSwitch kernel datapaths.
package main

import (
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

func main() { cli.Main(command()) }

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "ovs-dpctl",
		Short: "show and change Open vSwitch kernel datapaths",
		Long: `ovs-dpctl shows and changes the datapaths of the openvswitch kernel module:
their ports and their flows, incl. the psample action.

DP is a datapath's name, with or without "system@" before it. Where DP may be
left out it is the only datapath of the network namespace. Commands that show
send nothing to the kernel that changes it.

Exit status: 0 done, 1 failed, 2 usage, 3 the kernel lacks what is needed.`,
	}
	netns := cli.NetNSFlag(root)
	root.AddCommand(
		addDPCommand(netns), delDPCommand(netns), dumpDPsCommand(netns), showCommand(netns),
		addIfCommand(netns), delIfCommand(netns),
		addFlowCommand(netns), delFlowsCommand(netns), dumpFlowsCommand(netns),
		parseFlowCommand(), parseActionsCommand(),
	)
	return root
}
