// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
)

// zoneLimitsSchema is the schema of ct-get-limits.
const zoneLimitsSchema = "ovs-ct-limits/1"

const limitsHelp = `
The limits belong to the network namespace: all its datapaths share them. They
count connections that flows commit with ct(commit).`

func ctGetLimitsCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "ct-get-limits [DP] [zone=N[,N]...]",
		Short: "print how many connections conntrack zones may hold",
		Long: `ct-get-limits prints the limits of zones, or of all that have one of their own
and the default of the others. 0 is no limit.
` + limitsHelp,
		Example: "  ovs-dpctl ct-get-limits dp0 zone=5,6",
		RunE: func(cmd *cobra.Command, args []string) error {
			dp, words, err := limitWords(args)
			if err != nil {
				return err
			}
			zones, withDefault, err := parseZones(words)
			if err != nil {
				return err
			}
			if withDefault {
				return cli.Usagef("default is always printed")
			}
			return withNamed(cmd, o, dp, func(s session) error {
				// Asked for zones the kernel does not tell the default.
				limits, err := s.ZoneLimits(cmd.Context(), withDefaultZone(zones)...)
				if err != nil {
					return err
				}
				if flags.JSON() {
					return cli.PrintList(cmd.OutOrStdout(), zoneLimitsSchema, limits, flags.Pretty())
				}
				printLimits(cmd, limits)
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

func withDefaultZone(zones []int) []int {
	if len(zones) == 0 {
		return nil
	}
	return append([]int{ovs.DefaultZone}, zones...)
}

func printLimits(cmd *cobra.Command, limits []ovs.ZoneLimit) {
	for _, l := range limits {
		if l.Zone == ovs.DefaultZone {
			printf(cmd, "default limit=%d\n", l.Limit)
		}
	}
	for _, l := range limits {
		if l.Zone != ovs.DefaultZone {
			printf(cmd, "zone=%d,limit=%d,count=%d\n", l.Zone, l.Limit, l.Count)
		}
	}
}

func ctSetLimitsCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "ct-set-limits [DP] [default=L] [zone=N,limit=L]...",
		Short: "set how many connections conntrack zones may hold",
		Long: `ct-set-limits sets the limits of zones, and with default= that of all zones that
have none of their own. 0 is no limit.
` + limitsHelp,
		Example: "  ovs-dpctl ct-set-limits dp0 default=10000 zone=5,limit=100",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dp, words, err := limitWords(args)
			if err != nil {
				return err
			}
			limits, err := parseLimits(words)
			if err != nil {
				return err
			}
			return withNamed(cmd, o, dp, func(s session) error { return s.SetZoneLimits(cmd.Context(), limits...) })
		},
	}
}

func ctDelLimitsCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "ct-del-limits [DP] [default] [zone=N[,N]...]",
		Short: "take limits of conntrack zones away",
		Long: `ct-del-limits takes the limits of zones away, so that the default holds for them;
without a default there is no limit.
` + limitsHelp,
		Example: "  ovs-dpctl ct-del-limits dp0 default zone=5,6",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dp, words, err := limitWords(args)
			if err != nil {
				return err
			}
			zones, withDefault, err := parseZones(words)
			if err != nil {
				return err
			}
			if withDefault {
				zones = append(zones, ovs.DefaultZone)
			}
			if len(zones) == 0 {
				return cli.Usagef("which limit? (say default or zone=N)")
			}
			return withNamed(cmd, o, dp, func(s session) error { return s.DelZoneLimits(cmd.Context(), zones...) })
		},
	}
}

// withNamed runs fn with a client; a datapath that was named must be there.
func withNamed(cmd *cobra.Command, o *options, dp []string, fn func(session) error) error {
	return withClient(o, func(s session) error {
		if len(dp) > 0 {
			if _, err := s.datapath(cmd.Context(), dp); err != nil {
				return err
			}
		}
		return fn(s)
	})
}

// limitWords takes a datapath off the front, if there is one.
func limitWords(args []string) (dp, words []string, err error) {
	if len(args) == 0 || args[0] == "default" || strings.Contains(args[0], "=") {
		return nil, args, nil
	}
	_, err = datapathName(args[0])
	return args[:1], args[1:], err
}

// parseZones reads "default" and zone=N[,N]...
func parseZones(words []string) (zones []int, withDefault bool, err error) {
	for _, w := range words {
		if w == "default" {
			withDefault = true
			continue
		}
		list, ok := strings.CutPrefix(w, "zone=")
		if !ok {
			return nil, false, cli.Usagef("%q: want default or zone=N[,N]...", w)
		}
		for text := range strings.SplitSeq(list, ",") {
			z, err := parseZone(text)
			if err != nil {
				return nil, false, err
			}
			zones = append(zones, z)
		}
	}
	return zones, withDefault, nil
}

// parseLimits reads default=L and zone=N,limit=L.
func parseLimits(words []string) ([]ovs.ZoneLimit, error) {
	var limits []ovs.ZoneLimit
	for _, w := range words {
		l, limit := ovs.ZoneLimit{Zone: ovs.DefaultZone}, ""
		if rest, ok := strings.CutPrefix(w, "default="); ok {
			limit = rest
		} else {
			zone, rest, ok := strings.Cut(w, ",limit=")
			zone, isZone := strings.CutPrefix(zone, "zone=")
			if !ok || !isZone {
				return nil, cli.Usagef("%q: want default=L or zone=N,limit=L", w)
			}
			var err error
			if l.Zone, err = parseZone(zone); err != nil {
				return nil, err
			}
			limit = rest
		}
		n, err := strconv.ParseUint(limit, 10, 32)
		if err != nil {
			return nil, cli.Usagef("%q: the limit is no number of 32 bits", w)
		}
		l.Limit = uint32(n)
		limits = append(limits, l)
	}
	if len(limits) == 0 {
		return nil, cli.Usagef("which limit? (say default=L or zone=N,limit=L)")
	}
	return limits, nil
}

func parseZone(text string) (int, error) {
	n, err := strconv.ParseUint(text, 0, 16)
	if err != nil {
		return 0, cli.Usagef("zone %q: want a number from 0 to 65535", text)
	}
	return int(n), nil
}
