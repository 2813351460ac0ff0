// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/ovs-dpctl/flowfilter"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// flowsSchema is the schema of dump-flows and get-flow.
const flowsSchema = "ovs-flows/1"

func dumpFlowsCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "dump-flows [DP] [filter=MATCH] [type=TYPE[,TYPE]...]",
		Short: "print the flows of a datapath",
		Long: `dump-flows prints one flow per line: what it matches, its counters, when a
packet last matched, and its actions. Fields that match anything are left out
unless -m is given. Ports are numbers, with -m names. The text is that of Open
vSwitch's ovs-dpctl, which cannot say everything; with -m --no-names nothing is
lost: what it has no words for is written in forms of our own.

filter= takes the flows that a packet of MATCH can match: fields of OpenFlow
("tcp,nw_src=10.0.0.1,in_port=veth0") or a flow as it is printed here. What a
flow says nothing about does not matter.

type= takes flows by where they are: ovs (the kernel's datapath), tc, offloaded
(tc, run by hardware), non-offloaded (all others), all. Flows that ovs-vswitchd
has offloaded to tc are not shown; how many there are is said on stderr.`,
		Example: `  ovs-dpctl dump-flows dp0
  ovs-dpctl dump-flows dp0 filter=udp,tp_dst=53
  ovs-dpctl dump-flows dp0 -j | jq '.items[].actions[].psample.group'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := parseDumpArgs(args)
			if err != nil {
				return err
			}
			// Bad text is bad text, whether there is a datapath or not.
			if _, err := flowfilter.Parse(a.filter, nil); err != nil && !namesPort(err) {
				return cli.Usagef("%w", err)
			}
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), a.dp)
				if err != nil {
					return err
				}
				return s.dumpFlows(cmd, dp, a, &flags)
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

func (s session) dumpFlows(cmd *cobra.Command, dp ovs.Datapath, a dumpArgs, flags *cli.ListFlags) error {
	filter, err := s.flowFilter(cmd.Context(), dp, a.filter)
	if err != nil {
		return err
	}
	text, err := s.flowText(cmd.Context(), dp)
	if err != nil {
		return err
	}
	begin := func(w io.Writer) flowPrinter { return &textFlows{w: w, o: text} }
	if flags.JSON() {
		begin = func(w io.Writer) flowPrinter { return &jsonFlows{list: cli.NewList(w, flowsSchema, flags.Pretty())} }
	}
	if !a.kernel() {
		err = begin(cmd.OutOrStdout()).end()
	} else {
		err = s.printFlows(cmd, dp, filter, begin)
	}
	s.warnOffloaded(cmd, dp, a)
	return err
}

func (s session) flowFilter(ctx context.Context, dp ovs.Datapath, text string) (f flowfilter.Filter, err error) {
	if text == "" {
		return f, nil
	}
	ports, err := s.portNumbers(ctx, dp)
	if err != nil {
		return f, err
	}
	if f, err = flowfilter.Parse(text, ports); err != nil {
		err = cli.Usagef("%w", err)
	}
	return f, err
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

func (s session) portNumbers(ctx context.Context, dp ovs.Datapath) (odp.Ports, error) {
	vports, err := s.Vports(ctx, dp)
	ports := odp.Ports{}
	for _, v := range vports {
		ports[v.Name] = v.PortNo
	}
	return ports, err
}

// eachFlow calls f for every flow that matches the filter. Flows that cannot be
// read are warned about and counted, and the dump fails in the end.
func (s session) eachFlow(cmd *cobra.Command, dp ovs.Datapath, filter flowfilter.Filter, f func(ovs.Flow) error) error {
	unread := 0
	for flow, err := range s.Flows(cmd.Context(), dp, ovs.FlowDump{}) {
		switch {
		case errors.Is(err, ovs.ErrBadFlow):
			unread++
			cli.Warnf(cmd, "%v", err)
			continue
		case err != nil:
			return err
		case !filter.Matches(flow.Match):
			continue
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

// flowPrinter writes flows in a form.
type flowPrinter interface {
	flow(ovs.Flow) error
	end() error
}

type textFlows struct {
	w     io.Writer
	o     odp.TextOptions
	line  []byte
	clock flowClock
}

func (p *textFlows) flow(f ovs.Flow) error {
	now, err := p.clock.at(f)
	if err != nil {
		return err
	}
	p.line = append(appendFlow(p.line[:0], f, p.o, now), '\n')
	_, err = p.w.Write(p.line)
	return err
}

func (*textFlows) end() error { return nil }

type jsonFlows struct {
	list  *cli.List
	clock flowClock
}

func (p *jsonFlows) flow(f ovs.Flow) error {
	now, err := p.clock.at(f)
	if err != nil {
		return err
	}
	return p.list.Add(newFlowItem(f, now))
}

func (p *jsonFlows) end() error { return p.list.Close() }

// printFlows prints the flows that match the filter.
func (s session) printFlows(cmd *cobra.Command, dp ovs.Datapath, filter flowfilter.Filter, begin func(io.Writer) flowPrinter) error {
	// Next to nothing stays in memory here: a quarter of Go's usual four
	// megabytes of garbage is enough.
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	return dumpTo(cmd.OutOrStdout(), func(w io.Writer) error {
		p := begin(w)
		err := s.eachFlow(cmd, dp, filter, p.flow)
		// What is there is printed also when the dump failed.
		return errors.Join(err, p.end())
	})
}
