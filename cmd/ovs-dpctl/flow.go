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
mentioned inside parentheses. Ports go by number or name. In front there may be
an id, "ufid:UUID,".

ACTIONS: output by port number or name, psample(group=N[,cookie=HEX]),
sample(sample=P%,actions(...)), trunc(BYTES), ct(...), set(KEY) and all others
there are, or drop alone. Keys and actions without a name can be given by
number: unknown(TYPE,hex=...). docs/odp-grammar.md has the whole grammar.

With -s the flow's counters are printed.`,
		Example: `  ovs-dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()' 'psample(group=7,cookie=0xc0ffee),2'
  ovs-dpctl add-flow dp0 'in_port(veth0),eth(),eth_type(0x0806),arp()' 'sample(sample=50%,actions(trunc(64),psample(group=7)))'`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withFlow(cmd, o, args, func(s session, dp ovs.Datapath, spec ovs.FlowSpec) (ovs.Flow, error) {
				return ovs.Flow{}, s.AddFlow(cmd.Context(), dp, spec)
			})
		},
	}
}

func modFlowCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "mod-flow [DP] FLOW ACTIONS",
		Short: "give a flow other actions",
		Long: `mod-flow gives a flow that is there other actions. It is found by its id, when
FLOW has one, else by exactly its key and mask. FLOW and ACTIONS are as in
add-flow.

With --may-create a flow that is not there is added. With --clear its counters
become zero. With -s the counters it had are printed.`,
		Example: "  ovs-dpctl mod-flow --clear dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()' drop",
		Args:    cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withFlow(cmd, o, args, func(s session, dp ovs.Datapath, spec ovs.FlowSpec) (ovs.Flow, error) {
				return s.modFlow(cmd.Context(), dp, spec)
			})
		},
	}
}

func (s session) modFlow(ctx context.Context, dp ovs.Datapath, spec ovs.FlowSpec) (ovs.Flow, error) {
	f, err := s.SetFlow(ctx, dp, spec, ovs.FlowChange{ClearStats: s.o.clear})
	if s.o.mayCreate && errors.Is(err, ovs.ErrNoFlow) {
		return ovs.Flow{}, s.AddFlow(ctx, dp, spec)
	}
	return f, err
}

// withFlow reads [DP] FLOW ACTIONS, runs f and prints what -s asks for.
func withFlow(cmd *cobra.Command, o *options, args []string, f func(session, ovs.Datapath, ovs.FlowSpec) (ovs.Flow, error)) error {
	n := len(args) - 2
	// Bad text is bad text, whether there is a datapath or not.
	if _, err := parseFlow(args[n], args[n+1], nil); err != nil && !namesPort(err) {
		return err
	}
	return withClient(o, func(s session) error {
		ctx := cmd.Context()
		dp, err := s.datapath(ctx, args[:n])
		if err != nil {
			return err
		}
		ports, err := s.portNumbers(ctx, dp)
		if err != nil {
			return err
		}
		spec, err := parseFlow(args[n], args[n+1], ports)
		if err != nil {
			return err
		}
		flow, err := f(s, dp, spec)
		if err != nil {
			return s.explainPsample(ctx, spec, err)
		}
		return s.printStats(cmd, flow)
	})
}

// printStats prints a flow's counters when -s was given.
func (s session) printStats(cmd *cobra.Command, f ovs.Flow) error {
	if !s.o.stats {
		return nil
	}
	now, err := monotonicMS()
	if err != nil {
		return err
	}
	printf(cmd, "%s\n", appendFlowStats(nil, f, now))
	return nil
}

// namesPort tells whether text cannot be read only because it has a name in it,
// which may be a port's.
func namesPort(err error) bool {
	syntax, ok := errors.AsType[*odp.SyntaxError](err)
	return ok && syntax.Name != ""
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
