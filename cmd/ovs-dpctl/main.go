// SPDX-License-Identifier: Apache-2.0

// Command ovs-dpctl shows and changes Open vSwitch kernel datapaths.
package main

import (
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/internal/listen"
	"github.com/dpscope/dpscope/nl"
)

func main() { cli.Main(command()) }

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "ovs-dpctl",
		Short: "show and change Open vSwitch kernel datapaths",
		Long: `ovs-dpctl shows and changes the datapaths of the openvswitch kernel module:
their ports, flows and meters, and the connections it tracks.

DP is a datapath's name, with or without "system@" before it. Where DP may be
left out it is the only datapath of the network namespace. Commands that show
send nothing to the kernel that changes it. Options may stand before or behind
the command.

Exit status: 0 done, 1 failed, 2 usage, 3 the kernel lacks what is needed.`,
	}
	o := new(options)
	o.add(root)
	root.AddCommand(changing(
		addDPCommand(o), delDPCommand(o),
		addIfCommand(o), delIfCommand(o),
		addFlowCommand(o), modFlowCommand(o), delFlowCommand(o),
		addFlowsCommand(o), modFlowsCommand(o), delFlowsCommand(o),
		cacheSetSizeCommand(o),
		addMeterCommand(o), modMeterCommand(o), delMeterCommand(o),
		ctSetLimitsCommand(o), ctDelLimitsCommand(o),
		flushConntrackCommand(o), upcallsCommand(o),
	)...)
	root.AddCommand(
		dumpDPsCommand(o), showCommand(o), setIfCommand(o),
		dumpFlowsCommand(o), getFlowCommand(o), cacheGetSizeCommand(o),
		dumpMetersCommand(o), meterFeaturesCommand(o), ctGetLimitsCommand(o),
		dumpConntrackCommand(o), ctStatsShowCommand(o),
		monitorCommand(o), listen.Command("psample-events", func() (*nl.NetNS, error) { return o.netns() }), doctorCommand(o),
		parseFlowCommand(), parseActionsCommand(),
	)
	return root
}
