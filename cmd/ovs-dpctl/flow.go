// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

func addFlowCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "add-flow [DP] FLOW ACTIONS",
		Short: "add a flow",
		Long: `add-flow adds a flow. FLOW lists what to match: a field without /MASK is matched
exactly, one that is not mentioned matches anything, and so does a part not
mentioned inside parentheses. Ports go by number or name.

ACTIONS: output by port number or name, psample(group=N[,cookie=HEX]),
sample(sample=P%,actions(...)), trunc(BYTES), ct(...), set(KEY) and all others
there are, or drop alone. Keys and actions without a name can be given by
number: unknown(TYPE,hex=...). docs/odp-grammar.md has the whole grammar.`,
		Example: `  ovs-dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()' 'psample(group=7,cookie=0xc0ffee),2'
  ovs-dpctl add-flow dp0 'in_port(veth0),eth(),eth_type(0x0806),arp()' 'sample(sample=50%,actions(trunc(64),psample(group=7)))'`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := len(args) - 2
			// Bad text is bad text, whether there is a datapath or not.
			_, err := parseFlow(args[n], args[n+1], nil)
			var syntax *odp.SyntaxError
			if err != nil && (!errors.As(err, &syntax) || syntax.Name == "") {
				return err
			}
			return withClient(o, func(s session) error {
				return s.addFlow(cmd.Context(), args[:n], args[n], args[n+1])
			})
		},
	}
}

func (s session) addFlow(ctx context.Context, dpArg []string, flow, actions string) error {
	dp, err := s.datapath(ctx, dpArg)
	if err != nil {
		return err
	}
	vports, err := s.Vports(ctx, dp)
	if err != nil {
		return err
	}
	ports := odp.Ports{}
	for _, v := range vports {
		ports[v.Name] = v.PortNo
	}
	spec, err := parseFlow(flow, actions, ports)
	if err != nil {
		return err
	}
	return s.explainPsample(ctx, spec, s.AddFlow(ctx, dp, spec))
}

// parseFlow reads the two texts of a flow; what cannot be read is a usage error.
func parseFlow(flow, actions string, ports odp.Ports) (ovs.FlowSpec, error) {
	var (
		spec ovs.FlowSpec
		err  error
	)
	if spec.UFID, spec.Match, err = odp.ParseFlow(flow, ports); err == nil {
		spec.Actions, err = odp.ParseActions(actions, ports)
	}
	if err == nil {
		err = spec.CheckKernel()
	}
	if err != nil {
		return spec, cli.Usagef("%w", err)
	}
	return spec, nil
}

// explainPsample tells a kernel that lacks the psample action from one that
// found another fault: both answer EINVAL.
func (s session) explainPsample(ctx context.Context, spec ovs.FlowSpec, err error) error {
	refused := errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP)
	if !refused || !spec.Actions.Has(uapi.OVS_ACTION_ATTR_PSAMPLE) {
		return err
	}
	supported, perr := ovs.ProbePsampleAction(ctx, nil)
	if perr != nil || supported {
		return err // the kernel's own answer is what is left to tell
	}
	return &nl.UnsupportedError{Feature: "openvswitch psample action", Since: ovs.PsampleSince}
}

func delFlowsCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "del-flows [DP]",
		Short:   "delete all flows of a datapath",
		Example: "  ovs-dpctl del-flows dp0",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args)
				if err != nil {
					return err
				}
				return s.FlushFlows(cmd.Context(), dp)
			})
		},
	}
}

// tcpFlagLetters are in the order ovs-dpctl prints them; the bits are those of
// a TCP header.
var tcpFlagLetters = []struct {
	bit    uint8
	letter byte
}{{0x02, 'S'}, {0x01, 'F'}, {0x08, 'P'}, {0x04, 'R'}, {0x20, 'U'}, {0x10, '.'}, {0x40, 'E'}, {0x80, 'C'}}

// appendTCPFlags writes the flags seen on a flow's packets.
func appendTCPFlags(b []byte, flags uint8) []byte {
	for _, f := range tcpFlagLetters {
		if flags&f.bit != 0 {
			b = append(b, f.letter)
		}
	}
	return b
}
