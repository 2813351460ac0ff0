// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
)

// lastMeter is the last number that is tried when none is given.
const lastMeter = 1023

func dumpMetersCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "dump-meters [DP] [meter=N[-M][,N[-M]]...]",
		Short: "print the counters of meters",
		Long: `dump-meters prints the counters of meters and their bands. The kernel lists no
meters, so that each number has to be tried: without meter= those from 0 to
1023, and with it the given ones, of which those that are not there are left out.
It does not tell rates either.`,
		Example: "  ovs-dpctl dump-meters dp0 meter=1-10",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			spans := []span{{0, lastMeter}}
			if n := len(args); n > 0 && strings.HasPrefix(args[n-1], "meter=") {
				var err error
				if spans, err = parseSpans(strings.TrimPrefix(args[n-1], "meter=")); err != nil {
					return err
				}
				args = args[:n-1]
			}
			if len(args) > 1 {
				return cli.Usagef("%q: want meter=N", args[1])
			}
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args)
				if err != nil {
					return err
				}
				meters, err := s.meters(cmd.Context(), dp, spans)
				if err != nil {
					return err
				}
				if flags.JSON() {
					return cli.PrintList(cmd.OutOrStdout(), metersSchema, meters, flags.Pretty())
				}
				for _, m := range meters {
					printMeter(cmd.OutOrStdout(), m)
				}
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

// meters reads those of the numbered meters that are there.
func (s session) meters(ctx context.Context, dp ovs.Datapath, spans []span) ([]ovs.Meter, error) {
	var out []ovs.Meter
	for _, sp := range spans {
		for id := uint64(sp.first); id <= uint64(sp.last); id++ {
			m, err := s.Meter(ctx, dp, uint32(id))
			switch {
			case err == nil:
				out = append(out, m)
			case !errors.Is(err, ovs.ErrNoMeter):
				return out, err
			}
		}
	}
	return out, nil
}

// span is numbers from first to last.
type span struct{ first, last uint32 }

func parseSpans(text string) ([]span, error) {
	var out []span
	for word := range strings.SplitSeq(text, ",") {
		from, to, isSpan := strings.Cut(word, "-")
		if !isSpan {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 0, 32)
		last, err2 := strconv.ParseUint(to, 0, 32)
		if err1 != nil || err2 != nil || first > last || last > math.MaxUint32 {
			return nil, cli.Usagef("meter=%s: want numbers and spans, as in 1,3-5", text)
		}
		out = append(out, span{uint32(first), uint32(last)})
	}
	return out, nil
}

// meterFeatures is what meters of a datapath can do, in JSON.
type meterFeatures struct {
	Datapath string `json:"datapath"`
	ovs.MeterFeatures
}

// meterFeaturesSchema is the schema of meter-features.
const meterFeaturesSchema = "ovs-meter-features/1"

func meterFeaturesCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:     "meter-features [DP]",
		Short:   "print what the meters of a datapath can do",
		Example: "  ovs-dpctl meter-features dp0",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args)
				if err != nil {
					return err
				}
				f, err := s.MeterFeatures(cmd.Context(), dp)
				if err != nil {
					return err
				}
				if flags.JSON() {
					return cli.PrintList(cmd.OutOrStdout(), meterFeaturesSchema, []meterFeatures{{dp.Name, f}}, flags.Pretty())
				}
				printf(cmd, "max_meter:%d max_bands:%d\n", f.MaxMeters, f.MaxBands)
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}
