// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
)

// metersSchema is the schema of dump-meters.
const metersSchema = "ovs-meters/1"

const meterHelp = `
METER is in the form of ovs-ofctl: meter=N,kbps,band=type=drop,rate=R[,burst_size=B]
with pktps for packets instead of kilobits. There may be several bands; packets
above a band's rate are dropped. meter(N) in a flow's actions uses it.`

func addMeterCommand(o *options) *cobra.Command {
	return setMeterCommand(o, "add-meter", "add a meter", "add-meter adds a meter; one with its number must not be there.", false)
}

func modMeterCommand(o *options) *cobra.Command {
	return setMeterCommand(o, "mod-meter", "change a meter", "mod-meter replaces a meter that is there. Its counters go with it.", true)
}

func setMeterCommand(o *options, name, short, long string, mod bool) *cobra.Command {
	return &cobra.Command{
		Use: name + " [DP] METER", Short: short, Long: long + "\n" + meterHelp,
		Example: "  ovs-dpctl " + name + " dp0 meter=1,kbps,band=type=drop,rate=1000,burst_size=100",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := len(args) - 1
			m, err := parseMeter(args[n])
			if err != nil {
				return cli.Usagef("meter %q: %w", args[n], err)
			}
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args[:n])
				if err != nil {
					return err
				}
				_, err = s.Meter(cmd.Context(), dp, m.ID)
				switch {
				case err == nil && !mod:
					return fmt.Errorf("add meter %d of datapath %s: it is there already (mod-meter changes it)", m.ID, dp.Name)
				case err != nil && (mod || !errors.Is(err, ovs.ErrNoMeter)):
					return err
				}
				_, err = s.SetMeter(cmd.Context(), dp, m)
				return err
			})
		},
	}
}

// parseMeter reads a meter as ovs-ofctl does.
func parseMeter(text string) (m ovs.MeterConfig, err error) {
	unit, number := "", false
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		// "band=" and "bands=" stand before a band's first word.
		begin := false
		for _, prefix := range []string{"band=", "bands="} {
			if rest, ok := strings.CutPrefix(word, prefix); ok {
				word, begin = rest, true
			}
		}
		key, value, _ := strings.Cut(word, "=")
		if key == "type" || begin {
			m.Bands = append(m.Bands, ovs.BandConfig{})
		}
		var n uint64
		switch key {
		case "meter", "rate", "burst_size":
			if n, err = strconv.ParseUint(value, 0, 32); err != nil {
				return m, fmt.Errorf("%s: want a number of 32 bits", word)
			}
		}
		last := len(m.Bands) - 1
		switch {
		case key == "meter":
			m.ID, number = uint32(n), true
		case word == "kbps" || word == "pktps":
			if unit != "" {
				return m, errors.New("kbps or pktps twice")
			}
			unit, m.Kbps = word, word == "kbps"
		case word == "burst" || word == "stats": // the kernel's meters have both
		case word == "type=drop":
		case key == "type":
			return m, fmt.Errorf("%s: the kernel has bands of type drop only", word)
		case last < 0:
			return m, fmt.Errorf("%q: want meter=N, kbps, pktps or band=type=drop,rate=N", word)
		case key == "rate":
			m.Bands[last].Rate = uint32(n)
		case key == "burst_size":
			m.Bands[last].Burst = uint32(n)
		default:
			return m, fmt.Errorf("%q: a band has type=, rate= and burst_size=", word)
		}
	}
	switch {
	case !number:
		return m, errors.New("meter=N is missing")
	case len(m.Bands) == 0:
		return m, errors.New("a band is missing (band=type=drop,rate=N)")
	}
	for i, b := range m.Bands {
		if b.Rate == 0 {
			return m, fmt.Errorf("band %d: rate= is missing or zero", i)
		}
	}
	return m, nil
}

func delMeterCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "del-meter [DP] meter=N",
		Short:   "delete a meter",
		Long:    "del-meter deletes a meter. With -s the counters it had are printed.",
		Example: "  ovs-dpctl del-meter dp0 meter=1",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := len(args) - 1
			id, err := strconv.ParseUint(strings.TrimPrefix(args[n], "meter="), 0, 32)
			if err != nil {
				return cli.Usagef("meter %q: want meter=N", args[n])
			}
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args[:n])
				if err != nil {
					return err
				}
				m, err := s.DelMeter(cmd.Context(), dp, uint32(id))
				if err == nil && o.stats {
					printMeter(cmd.OutOrStdout(), m)
				}
				return err
			})
		},
	}
}

// printMeter writes a meter's counters as ovs-ofctl does.
func printMeter(w io.Writer, m ovs.Meter) {
	fmt.Fprintf(w, "meter:%d packet_in_count:%d byte_in_count:%d bands:\n", m.ID, m.Packets, m.Bytes)
	for i, b := range m.Bands {
		fmt.Fprintf(w, "%d: packet_count:%d byte_count:%d\n", i, b.Packets, b.Bytes)
	}
}
