// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/tc"
)

func delCommand(netns openNetNS) *cobra.Command {
	group := number{max: math.MaxUint32}
	cmd := &cobra.Command{
		Use:   "del DEV [--ingress|--egress] [--group G] [--all]",
		Short: "stop sampling packets of a device",
		Long: `del removes a filter that "tc-sample add" made. Where several fit what the
flags say, it removes none unless --all is given. A clsact queueing discipline
that "add" made goes with the last filter, unless somebody else uses it.`,
		Args:              deviceArg(1),
		ValidArgsFunction: completeDevice(netns),
	}
	chosen := sides(cmd, "only on the receiving side", "only on the sending side")
	cmd.Flags().Var(&group, "group", "only into psample group `G`")
	all := cmd.Flags().Bool("all", false, "remove every filter that fits")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fits := func(f tc.SampleFilter) bool {
			d := chosen()
			return f.Owned &&
				(d == nil || slices.Contains(d, f.Direction)) &&
				(!cmd.Flags().Changed("group") || f.Group == group.value)
		}
		return withClient(netns, func(c *tc.Client) error {
			list, err := c.Samples(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(f tc.SampleFilter) bool { return !fits(f) })
			if err := judge(args[0], list, *all); err != nil {
				return err
			}
			for _, f := range list {
				if err := c.DelSample(cmd.Context(), f); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

// judge tells whether what was found may be removed.
func judge(dev string, list []tc.SampleFilter, all bool) error {
	const op = "delete sample filter"
	switch {
	case len(list) == 0:
		return &nl.Error{Op: op, Object: dev, Err: errors.New("tc-sample has none there that fits"), Hint: "see: tc-sample list"}
	case len(list) > 1 && !all:
		var found []string
		for _, f := range list {
			found = append(found, fmt.Sprintf("--%s --group %d", f.Direction, f.Group))
		}
		return &nl.Error{
			Op: op, Object: dev, Err: fmt.Errorf("%d fit: %s", len(list), strings.Join(found, ", ")),
			Hint: "choose one, or all of them with --all",
		}
	}
	return nil
}
