// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/tc"
)

// listSchema names the JSON form of list.
const listSchema = "tc-samples/1"

func listCommand(netns openNetNS) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [DEV]",
		Short: "list sample actions with their counters",
		Long: `list shows the sample actions of matchall filters on one device or on all of
them, whoever made them ("owner" says). The counters are of all packets that
reached the action, of which one in "rate" was sampled. It needs no privilege.`,
		Args:              deviceArg(0),
		ValidArgsFunction: completeDevice(netns),
	}
	var flags cli.ListFlags
	flags.Add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dev := ""
		if len(args) > 0 {
			dev = args[0]
		}
		return withClient(netns, func(c *tc.Client) error {
			list, err := c.Samples(cmd.Context(), dev)
			if err != nil {
				return err
			}
			if flags.JSON() {
				return cli.PrintList(cmd.OutOrStdout(), listSchema, list, flags.Pretty())
			}
			return printTable(cmd.OutOrStdout(), list)
		})
	}
	return cmd
}

// printTable writes the list for people, a line each; nothing for an empty one.
func printTable(w io.Writer, list []tc.SampleFilter) error {
	if len(list) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DEV\tSIDE\tPREF\tRATE\tGROUP\tTRUNC\tCOOKIE\tPACKETS\tBYTES\tDROPS\tOVERLIMITS\tOWNER")
	for _, f := range list {
		trunc, cookie, owner := "-", "-", "other"
		if f.Truncated {
			trunc = strconv.FormatUint(uint64(f.Trunc), 10)
		}
		if len(f.Cookie) > 0 {
			cookie = f.Cookie.String()
		}
		if f.Owned {
			owner = "tc-sample"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t1/%d\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n",
			f.Dev, f.Direction, f.Pref, f.Rate, f.Group, trunc, cookie,
			f.Packets, f.Bytes, f.Drops, f.Overlimits, owner)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	return nil
}
