// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

func (t *tool) addFlowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "add-flow DP FLOW ACTIONS",
		Short: "add a flow, or give one that is there other actions",
		Example: `  ovs-dpctl.py add-flow dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()' 2
  ovs-dpctl.py add-flow dp0 'in_port(1),eth(),eth_type(0x0806),arp()' 'trunc(14),psample(group=1,cookie=c0ffee)'`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.withDatapath(cmd, args[0], func(s session, dp ovs.Datapath) error {
				return s.putFlow("add flow", uapi.OVS_FLOW_CMD_NEW, dp, args[1], &args[2])
			})
		},
	}
}

func (t *tool) modFlowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "mod-flow DP FLOW [ACTIONS]",
		Short: "change the actions of a flow",
		Long: `mod-flow gives a flow other actions. It is found by its id, ufid:UUID in front of
the rest, or by what it matches. Without ACTIONS they stay as they are.`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			var actions *string
			if len(args) > 2 {
				actions = &args[2]
			}
			return t.withDatapath(cmd, args[0], func(s session, dp ovs.Datapath) error {
				return s.putFlow("change flow", uapi.OVS_FLOW_CMD_SET, dp, args[1], actions)
			})
		},
	}
}

// putFlow sends a flow; without actions their attribute is left out.
func (s session) putFlow(op string, command uint8, dp ovs.Datapath, flow string, actions *string) error {
	spec, err := parseFlow(flow, actions)
	if err != nil {
		return err
	}
	if spec.UFID == nil {
		spec.UFID = make(odp.UFID, 16)
		_, _ = rand.Read(spec.UFID) // never fails
	}
	attrs, err := flowAttrs(spec, actions != nil)
	if err != nil {
		return &nl.Error{Op: op, Object: "of datapath " + dp.Name, Err: err}
	}
	err = s.put(put{
		op: op, object: "of datapath " + dp.Name, family: uapi.OVS_FLOW_FAMILY,
		command: command, version: version, ifindex: dp.Ifindex, attrs: attrs, spec: flowSpec,
	})
	why := "the kernel log may say why: dmesg"
	if spec.Actions.Has(uapi.OVS_ACTION_ATTR_PSAMPLE) {
		why += "; the psample action needs " + ovs.PsampleSince
	}
	err = hint(err, syscall.EINVAL, why)
	err = hint(err, syscall.ERANGE, why)
	if command == uapi.OVS_FLOW_CMD_NEW {
		return hint(err, syscall.ENOENT, "another flow has these packets already")
	}
	return hint(err, syscall.ENOENT, "no flow has this id, or this key and mask")
}

// parseFlow reads the texts of a flow.
func parseFlow(flow string, actions *string) (ovs.FlowSpec, error) {
	var (
		spec ovs.FlowSpec
		err  error
		o    = odp.ParseOptions{Dialect: odp.Kselftest}
	)
	spec.UFID, spec.Match, err = o.Flow(flow)
	if err == nil && actions != nil {
		spec.Actions, err = o.Actions(*actions)
	}
	if err == nil {
		err = spec.CheckKernel()
	}
	return spec, err
}

// flowSpec names attributes in errors.
var flowSpec = &nl.AttrSpec{
	Names: map[uint16]string{
		uapi.OVS_FLOW_ATTR_KEY: "OVS_FLOW_ATTR_KEY", uapi.OVS_FLOW_ATTR_MASK: "OVS_FLOW_ATTR_MASK",
		uapi.OVS_FLOW_ATTR_ACTIONS: "OVS_FLOW_ATTR_ACTIONS",
		uapi.OVS_FLOW_ATTR_UFID:    "OVS_FLOW_ATTR_UFID", uapi.OVS_FLOW_ATTR_UFID_FLAGS: "OVS_FLOW_ATTR_UFID_FLAGS",
	},
	Nests: map[uint16]*nl.AttrSpec{
		uapi.OVS_FLOW_ATTR_KEY: odp.KeySpec, uapi.OVS_FLOW_ATTR_MASK: odp.KeySpec, uapi.OVS_FLOW_ATTR_ACTIONS: odp.ActionSpec,
	},
}

// flowAttrs is the request for a flow. What the kernel tells others of it is its
// id alone, as with the Python tool.
func flowAttrs(spec ovs.FlowSpec, withActions bool) ([]byte, error) {
	b := nl.AppendAttr(nil, uapi.OVS_FLOW_ATTR_UFID, spec.UFID)
	b = nl.AppendUint32(b, uapi.OVS_FLOW_ATTR_UFID_FLAGS, uapi.OVS_UFID_F_OMIT_KEY|uapi.OVS_UFID_F_OMIT_MASK|uapi.OVS_UFID_F_OMIT_ACTIONS)
	b, err := nl.AppendNested(b, uapi.OVS_FLOW_ATTR_KEY, spec.Match.AppendKey)
	if err == nil && !spec.Match.Exact {
		b, err = nl.AppendNested(b, uapi.OVS_FLOW_ATTR_MASK, spec.Match.AppendMask)
	}
	if err == nil && withActions {
		b, err = nl.AppendNested(b, uapi.OVS_FLOW_ATTR_ACTIONS, spec.Actions.AppendNetlink)
	}
	return b, err
}

func (t *tool) delFlowsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "del-flows DP",
		Short: "delete all flows of a datapath",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.withDatapath(cmd, args[0], func(s session, dp ovs.Datapath) error {
				s.debugf(cmd, "delete flows of datapath %s", dp.Name)
				return s.FlushFlows(s.ctx(), dp)
			})
		},
	}
}

func (t *tool) dumpFlowsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "dump-flows DP",
		Short: "print the flows of a datapath",
		Long: `dump-flows prints one flow per line: what it matches, its counters, when a packet
last matched, and its actions. Fields that match anything are left out; with -v
before the command all are printed, and the flow's id.`,
		Example: "  ovs-dpctl.py -v dump-flows dp0",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.withDatapath(cmd, args[0], session.dumpFlows)
		},
	}
}

func (s session) dumpFlows(dp ovs.Datapath) error {
	var (
		line   []byte
		unread int
	)
	for f, err := range s.Flows(s.ctx(), dp, ovs.FlowDump{}) {
		switch {
		case errors.Is(err, ovs.ErrBadFlow):
			unread++
			cli.Warnf(s.cmd, "%v", err)
			continue
		case err != nil:
			return err
		}
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return &nl.Error{Op: "read the monotonic clock", Err: err}
		}
		line = append(appendFlow(line[:0], f, s.verbose > 0, uint64(now.Nano())/1e6), '\n')
		if _, err := s.cmd.OutOrStdout().Write(line); err != nil {
			return fmt.Errorf("write standard output: %w", err)
		}
	}
	if unread > 0 {
		return fmt.Errorf("dump flows of datapath %s: %d flows could not be read", dp.Name, unread)
	}
	return nil
}

// appendFlow writes a flow; now is the time it is printed at, in milliseconds of
// the clock of Flow.UsedMS.
func appendFlow(b []byte, f ovs.Flow, verbose bool, now uint64) []byte {
	o := odp.TextOptions{Verbose: verbose, Dialect: odp.Kselftest}
	if verbose && f.UFID != nil {
		b = append(append(append(b, "ufid:"...), f.UFID.String()...), ',')
	}
	b = f.Match.AppendText(b, o)
	b = strconv.AppendUint(append(b, " packets:"...), f.Packets, 10)
	b = strconv.AppendUint(append(b, ", bytes:"...), f.Bytes, 10)
	if f.UsedMS == 0 {
		b = append(b, ", used:never"...)
	} else {
		// The packet may have come after the clock was read.
		ago := now - min(now, f.UsedMS)
		b = strconv.AppendFloat(append(b, ", used:"...), float64(ago)/1000, 'f', 3, 64)
		b = append(b, 's')
	}
	return f.Actions.AppendText(append(b, ", actions:"...), o)
}
