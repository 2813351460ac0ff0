// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/ovs-dpctl/conntrack"
)

// conntrackSchema is the schema of dump-conntrack.
const conntrackSchema = "ovs-conntrack/1"

const conntrackHelp = `
The table belongs to the network namespace: it has the connections of all its
datapaths and of the host's own firewall. Reading it needs CAP_NET_ADMIN.`

const criteriaHelp = `
zone=N, mark=N[/MASK] and labels=N[/MASK] pick connections, and so does TUPLE: some
of ct_nw_src=, ct_nw_dst=, ct_ipv6_src=, ct_ipv6_dst=, ct_nw_proto=, ct_tp_src=,
ct_tp_dst=, icmp_type=, icmp_code=, icmp_id=, separated by commas. The first TUPLE is
the original direction, the second the reply.`

func dumpConntrackCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "dump-conntrack [DP] [zone=N] [mark=N[/MASK]] [labels=N[/MASK]] [TUPLE [TUPLE]]",
		Short: "print tracked connections",
		Long: `dump-conntrack prints one tracked connection per line, with -m its id, status and
TCP details, with -s when it ends and its counters, if the kernel counts
(net.netfilter.nf_conntrack_acct).
` + criteriaHelp + "\n" + conntrackHelp,
		Example: "  ovs-dpctl dump-conntrack -m zone=5\n  ovs-dpctl dump-conntrack dp0 ct_nw_proto=6,ct_tp_dst=80",
		RunE: func(cmd *cobra.Command, args []string) error {
			dp, pick, err := parseCriteria(args)
			if err != nil {
				return err
			}
			return withConntrack(cmd, o, dp, func(c *conntrack.Client) error {
				text := conntrack.TextOptions{Verbose: o.more, Stats: o.stats}
				list := cli.NewList(cmd.OutOrStdout(), conntrackSchema, flags.Pretty())
				var line []byte
				for e, err := range c.Entries(cmd.Context(), pick) {
					switch {
					case err != nil:
						return err
					case flags.JSON():
						err = list.Add(e)
					default:
						line = append(e.AppendText(line[:0], text), '\n')
						_, err = cmd.OutOrStdout().Write(line)
					}
					if err != nil {
						return err
					}
				}
				if flags.JSON() {
					return list.Close()
				}
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

func flushConntrackCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "flush-conntrack [DP] [zone=N] [mark=N[/MASK]] [labels=N[/MASK]] [TUPLE [TUPLE]]",
		Short: "delete tracked connections",
		Long: `flush-conntrack deletes all tracked connections, or those that are picked, and
then says how many.
` + criteriaHelp + "\n" + conntrackHelp,
		Example: "  ovs-dpctl flush-conntrack zone=5\n  ovs-dpctl flush-conntrack dp0 ct_nw_src=10.0.0.1,ct_nw_proto=6",
		RunE: func(cmd *cobra.Command, args []string) error {
			dp, pick, err := parseCriteria(args)
			if err != nil {
				return err
			}
			return withConntrack(cmd, o, dp, func(c *conntrack.Client) error {
				n, err := c.Delete(cmd.Context(), pick)
				if err == nil && !pick.All() {
					cli.Warnf(cmd, "%d connections deleted", n)
				}
				return err
			})
		},
	}
}

// parseCriteria reads [DP] and what picks connections.
func parseCriteria(args []string) (dp []string, pick conntrack.Criteria, err error) {
	if len(args) > 0 && !strings.Contains(args[0], "=") {
		if _, err := datapathName(args[0]); err != nil {
			return nil, pick, err
		}
		dp, args = args[:1], args[1:]
	}
	for _, a := range args {
		if err := pick.Parse(a); err != nil {
			return nil, pick, cli.Usagef("%w", err)
		}
	}
	return dp, pick, nil
}

// withConntrack runs fn with the connections of the namespace; a datapath that
// was named must be there, and without one the module need not be.
func withConntrack(cmd *cobra.Command, o *options, dp []string, fn func(*conntrack.Client) error) error {
	if len(dp) > 0 {
		if err := withNamed(cmd, o, dp, func(session) error { return nil }); err != nil {
			return err
		}
	}
	ns, err := o.netns()
	if err != nil {
		return err
	}
	defer func() { _ = ns.Close() }()
	c, err := conntrack.Open(ns)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return fn(c)
}
