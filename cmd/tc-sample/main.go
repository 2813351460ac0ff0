// SPDX-License-Identifier: Apache-2.0

// Command tc-sample puts the kernel's packet sampling action on network
// devices, lists it with its counters and takes it off again.
package main

import (
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/tc"
)

func main() { cli.Main(newCommand()) }

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tc-sample",
		Short: "sample packets of network devices into psample groups",
		Long: `tc-sample puts the kernel's sampling action (act_sample) on the ingress or
egress side of a network device: one packet in N goes, as a copy, to a psample
group, where psample-listen and others read it. Packets themselves, and filters
of other programs, are left alone.

It shows every sample action of matchall filters, but removes only its own,
known by filter handle 0xd5c00000 or 0xd5c00001.`,
	}
	netns := cli.NetNSFlag(root)
	root.AddCommand(addCommand(netns), listCommand(netns), delCommand(netns))
	return root
}

// openNetNS opens the network namespace the user chose.
type openNetNS func() (*nl.NetNS, error)

// withClient runs fn with a client in the chosen namespace.
func withClient(netns openNetNS, fn func(*tc.Client) error) error {
	ns, err := netns()
	if err != nil {
		return err
	}
	defer func() { _ = ns.Close() }()
	c, err := tc.Open(ns)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return fn(c)
}
