// SPDX-License-Identifier: Apache-2.0

// Command dpscope-selftests tests the packet sampling of the running kernel:
// tc's sample action, psample and Open vSwitch's psample action. It reports in
// KTAP.
package main

import (
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/cases"
	"github.com/dpscope/dpscope/selftests/lab"
)

func main() {
	lab.Hook()
	cli.Main(newCommand())
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "dpscope-selftests",
		Short: "test the packet sampling of the running kernel",
		Long: `dpscope-selftests tests the packet sampling of the running kernel: tc's sample
action, psample and Open vSwitch's psample action, packet by packet and byte by
byte. Each case runs in network namespaces of its own. The host is not touched,
but for modules: those the cases need are loaded, and the module cases unload
and load psample, act_sample and openvswitch, if nobody uses them.

What the kernel lacks is skipped. Two probes that share no code must agree that
a feature is missing; else the case fails.

upstream and specs bring their own kernels: they use what the kernel's source
has for judging the same code, in guests of the lab (see: dplab --help).`,
	}
	root.AddCommand(listCommand(), runCommand(), matrixCommand(), differencesCommand(), parityCommand(), upstreamCommand(), specsCommand(), dialectCommand())
	return root
}

// choose turns patterns into cases; one that chooses nothing is a usage error.
func choose(patterns []string) ([]selftests.Case, error) {
	chosen, err := selftests.Select(cases.All(), patterns)
	if err != nil {
		return nil, cli.Usagef("%w (see: dpscope-selftests list)", err)
	}
	return chosen, nil
}

// completeCases offers the names of the cases.
func completeCases(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, c := range cases.All() {
		out = append(out, c.Name+"\t"+c.Doc)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
