// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/internal/probe"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/tc"
)

func addCommand(netns openNetNS) *cobra.Command {
	rate := number{min: 1, max: math.MaxUint32}
	group := number{max: math.MaxUint32}
	trunc := number{min: 1, max: tc.MaxTrunc}
	pref := number{min: 1, max: math.MaxUint16}
	var cookie cookieFlag
	cmd := &cobra.Command{
		Use:   "add DEV --rate N --group G",
		Short: "sample packets of a device",
		Long: `add samples one packet in N of a device into psample group G, at random.

A clsact queueing discipline is made where the device has none, and removed with
the last filter. Filters of a lower preference come first and may drop, redirect
or accept packets before they are counted here; --pref 1 comes before them all.

--cookie needs a kernel that passes the action's cookie on to the sample: Linux
6.11, or Linux 6.1 with dpscope's patches. This is tried out, in a network
namespace made for the purpose, before anything is installed.`,
		Example: `  tc-sample add eth0 --rate 1000 --group 7
  tc-sample add eth0 --egress --rate 100 --group 8 --trunc 128 --cookie c0ffee`,
		Args:              deviceArg(1),
		ValidArgsFunction: completeDevice(netns),
	}
	direction := sides(cmd, "sample what the device receives (default)", "sample what the device sends")
	f := cmd.Flags()
	f.Var(&rate, "rate", "sample one packet in `N`")
	f.Var(&group, "group", "psample group `G` to sample into")
	f.Var(&trunc, "trunc", "keep at most `BYTES` of a packet (default all)")
	f.Var(&pref, "pref", "preference `P` of the filter (default the first free one from 3408)")
	f.Var(&cookie, "cookie", "1 to 16 bytes, in `HEX`, that each sample carries")
	_ = cmd.MarkFlagRequired("rate")
	_ = cmd.MarkFlagRequired("group")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		want := tc.SampleFilter{
			Dev: args[0], Rate: rate.value, Group: group.value,
			Trunc: trunc.value, Pref: uint16(pref.value), Cookie: cookie.Bytes,
		}
		for _, d := range direction() {
			want.Direction = d
		}
		return withClient(netns, func(c *tc.Client) error {
			if len(cookie.Bytes) > 0 {
				if err := needCookies(cmd.Context()); err != nil {
					return err
				}
			}
			_, err := c.AddSample(cmd.Context(), want)
			return err
		})
	}
	return cmd
}

// needCookies fails unless this kernel puts action cookies into samples.
func needCookies(ctx context.Context) error {
	ok, err := probe.SampleCookie(ctx)
	if err == nil && !ok {
		err = &nl.UnsupportedError{
			Feature: "cookies in samples of the tc sample action",
			Since:   "Linux 6.11 or later, or 6.1 with dpscope's kernel patches (kmod/)",
			Hint:    "without --cookie sampling works on this kernel too",
		}
	}
	return err
}
