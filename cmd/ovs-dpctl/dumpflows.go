// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// flowsSchema is the schema of dump-flows.
const flowsSchema = "ovs-flows/1"

// flowItem is a flow in JSON.
type flowItem struct {
	UFID     odp.UFID    `json:"ufid,omitempty"`
	Match    odp.Match   `json:"match"`
	Packets  uint64      `json:"packets"`
	Bytes    uint64      `json:"bytes"`
	UsedAgo  *uint64     `json:"used_ago_ms,omitempty"` // absent: never
	TCPFlags uint8       `json:"tcp_flags"`
	Actions  odp.Actions `json:"actions"`
	Unknown  []ovs.Attr  `json:"unknown,omitempty"`
}

func dumpFlowsCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "dump-flows [DP]",
		Short: "print the flows of a datapath",
		Long: `dump-flows prints one flow per line: what it matches, its counters, when a
packet last matched, and its actions. Fields that match anything are left out
unless -m is given. Ports are numbers, with -m names. The text is that of Open
vSwitch's ovs-dpctl, which cannot say everything; with -m --no-names nothing is
lost: what it has no words for is written in forms of our own.`,
		Example: "  ovs-dpctl dump-flows dp0\n  ovs-dpctl dump-flows dp0 -j | jq '.items[].actions[].psample.group'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args)
				if err != nil {
					return err
				}
				if flags.JSON() {
					items, ferr := s.flowItems(cmd, dp)
					if err := cli.PrintList(cmd.OutOrStdout(), flowsSchema, items, flags.Pretty()); err != nil {
						return err
					}
					return ferr
				}
				text, err := s.flowText(cmd.Context(), dp)
				if err != nil {
					return err
				}
				return s.printFlows(cmd, dp, text)
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

// flowText is how flows are to be printed.
func (s session) flowText(ctx context.Context, dp ovs.Datapath) (o odp.TextOptions, err error) {
	more, names, numbers := s.o.more, s.o.names, s.o.numbers
	o = odp.TextOptions{Verbose: more, Lossless: more && numbers}
	if names || more && !numbers {
		o.Names, err = s.portNames(ctx, dp)
	}
	return o, err
}

func (s session) portNames(ctx context.Context, dp ovs.Datapath) (odp.PortNames, error) {
	vports, err := s.Vports(ctx, dp)
	names := odp.PortNames{}
	for _, v := range vports {
		names[v.PortNo] = v.Name
	}
	return names, err
}

// eachFlow calls f for every flow. Flows that cannot be read are warned about
// and counted, and the dump fails in the end.
func (s session) eachFlow(cmd *cobra.Command, dp ovs.Datapath, f func(ovs.Flow) error) error {
	unread := 0
	for flow, err := range s.Flows(cmd.Context(), dp, ovs.FlowDump{}) {
		switch {
		case errors.Is(err, ovs.ErrBadFlow):
			unread++
			cli.Warnf(cmd, "%v", err)
			continue
		case err != nil:
			return err
		}
		if err := f(flow); err != nil {
			return err
		}
	}
	if unread > 0 {
		return fmt.Errorf("dump flows of datapath %s: %d flows could not be read", dp.Name, unread)
	}
	return nil
}

func (s session) flowItems(cmd *cobra.Command, dp ovs.Datapath) ([]flowItem, error) {
	var (
		items []flowItem
		clock flowClock
	)
	err := s.eachFlow(cmd, dp, func(f ovs.Flow) error {
		f = f.Clone() // it stays beyond this one call
		it := flowItem{
			UFID: f.UFID, Match: f.Match, Actions: f.Actions, Unknown: f.Unknown,
			Packets: f.Packets, Bytes: f.Bytes, TCPFlags: f.TCPFlags,
		}
		now, err := clock.at(f)
		if err != nil {
			return err
		}
		if ago, ok := usedAgo(f, now); ok {
			it.UsedAgo = &ago
		}
		items = append(items, it)
		return nil
	})
	return items, err
}

func (s session) printFlows(cmd *cobra.Command, dp ovs.Datapath, o odp.TextOptions) error {
	var (
		line  []byte
		clock flowClock
	)
	// Next to nothing stays in memory here: a quarter of Go's usual four
	// megabytes of garbage is enough.
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	return s.eachFlow(cmd, dp, func(f ovs.Flow) error {
		now, err := clock.at(f)
		if err != nil {
			return err
		}
		line = append(appendFlow(line[:0], f, o, now), '\n')
		_, err = cmd.OutOrStdout().Write(line)
		return err
	})
}

// appendFlow writes a flow as ovs-dpctl always has; now is the time used: counts
// back from.
func appendFlow(b []byte, f ovs.Flow, o odp.TextOptions, now uint64) []byte {
	if o.Verbose && f.UFID != nil {
		b = append(append(append(b, "ufid:"...), f.UFID.String()...), ", "...)
	}
	b = f.Match.AppendText(b, o)
	b = strconv.AppendUint(append(b, ", packets:"...), f.Packets, 10)
	b = strconv.AppendUint(append(b, ", bytes:"...), f.Bytes, 10)
	if ago, ok := usedAgo(f, now); ok {
		b = strconv.AppendFloat(append(b, ", used:"...), float64(ago)/1000, 'f', 3, 64)
		b = append(b, 's')
	} else {
		b = append(b, ", used:never"...)
	}
	if f.TCPFlags != 0 {
		b = appendTCPFlags(append(b, ", flags:"...), f.TCPFlags)
	}
	if o.Verbose {
		b = append(b, ", dp:ovs"...) // the layer the flow is in; the kernel's tables have no other
	}
	return f.Actions.AppendText(append(b, ", actions:"...), o)
}

// usedAgo is how many milliseconds before now a packet last matched; ok is false
// when none ever did.
func usedAgo(f ovs.Flow, now uint64) (ms uint64, ok bool) {
	// The packet may have come after the clock was read.
	return now - min(now, f.UsedMS), f.UsedMS != 0
}

// monotonicMS reads the clock that Flow.UsedMS is in.
func monotonicMS() (uint64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, &nl.Error{Op: "read the monotonic clock", Err: err}
	}
	return uint64(ts.Nano()) / 1e6, nil
}
