// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/ovs-dpctl/conntrack"
)

// ctStatsSchema is the schema of ct-stats-show.
const ctStatsSchema = "ovs-ct-stats/1"

// ctStats counts connections of a protocol.
type ctStats struct {
	Protocol string         `json:"protocol"`
	Count    int            `json:"count"`
	States   map[string]int `json:"states,omitempty"` // TCP's
}

// ctGroups are the groups of protocols in the order they are printed.
var ctGroups = []struct {
	name      string
	protocols []uint8
}{
	{"TCP", []uint8{unix.IPPROTO_TCP}},
	{"UDP", []uint8{unix.IPPROTO_UDP}},
	{"UDPLITE", []uint8{unix.IPPROTO_UDPLITE}},
	{"SCTP", []uint8{unix.IPPROTO_SCTP}},
	{"ICMP", []uint8{unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6}},
	{"DCCP", []uint8{unix.IPPROTO_DCCP}},
	{"IGMP", []uint8{unix.IPPROTO_IGMP}},
	{"OTHER", nil},
}

func ctStatsShowCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "ct-stats-show [DP] [zone=N] [verbose]",
		Short: "count tracked connections by protocol",
		Long: `ct-stats-show counts tracked connections by protocol, with -m, or the word
verbose, those of TCP by their state, too.
` + conntrackHelp,
		Example: "  ovs-dpctl ct-stats-show dp0 zone=5 verbose",
		RunE: func(cmd *cobra.Command, args []string) error {
			verbose := o.more
			if n := len(args); n > 0 && args[n-1] == "verbose" {
				verbose, args = true, args[:n-1]
			}
			dp, pick, err := parseCriteria(args)
			if err != nil {
				return err
			}
			return withConntrack(cmd, o, dp, func(c *conntrack.Client) error {
				counts, total := newCtStats(), 0
				for e, err := range c.Entries(cmd.Context(), pick) {
					if err != nil {
						return err
					}
					total++
					countConnection(counts, e)
				}
				if flags.JSON() {
					return cli.PrintList(cmd.OutOrStdout(), ctStatsSchema, counts, flags.Pretty())
				}
				printCtStats(cmd.OutOrStdout(), counts, total, verbose)
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

func newCtStats() []ctStats {
	out := make([]ctStats, len(ctGroups))
	for i, g := range ctGroups {
		out[i].Protocol = g.name
	}
	out[0].States = map[string]int{}
	return out
}

func countConnection(counts []ctStats, e conntrack.Entry) {
	for i, g := range ctGroups {
		if !slices.Contains(g.protocols, e.Protocol) {
			continue
		}
		counts[i].Count++
		if e.TCP != nil && counts[i].States != nil {
			counts[i].States[e.TCP.State.String()]++
		}
		return
	}
	counts[len(counts)-1].Count++
}

func printCtStats(w io.Writer, counts []ctStats, total int, verbose bool) {
	fmt.Fprintf(w, "Connections Stats:\n    Total: %d\n", total)
	for _, c := range counts {
		if c.Count == 0 {
			continue
		}
		fmt.Fprintf(w, "  %s: %d\n", c.Protocol, c.Count)
		if !verbose || len(c.States) == 0 {
			continue
		}
		fmt.Fprintf(w, "    Conn per TCP states:\n")
		for _, state := range conntrack.TCPStates() {
			if n := c.States[state]; n > 0 {
				fmt.Fprintf(w, "\t  [%s]=%d\n", state, n)
			}
		}
	}
}
