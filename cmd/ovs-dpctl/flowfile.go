// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

const fileHelp = `FILE, or - for standard input, has a flow per line: FLOW ACTIONS as in add-flow,
or what dump-flows prints. "add", "modify" or "delete" in front says what to do
with it, else the command does; a flow to delete needs no actions. Empty lines and
those that begin with # are skipped. A line that fails is reported with its
number, and the rest goes on; the command ends with status 1 then.`

func addFlowsCommand(o *options) *cobra.Command {
	return flowFileCommand(o, "add-flows", lineAdd, "add the flows of a file",
		"add-flows adds flows, or does with them what their lines say.")
}

func modFlowsCommand(o *options) *cobra.Command {
	return flowFileCommand(o, "mod-flows", lineModify, "give the flows of a file other actions",
		"mod-flows gives flows other actions, or does with them what their lines say.\n--may-create and --clear are as in mod-flow.")
}

func flowFileCommand(o *options, name string, op lineOp, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: name + " [DP] FILE", Short: short, Long: long + "\n\n" + fileHelp,
		Example: fmt.Sprintf("  ovs-dpctl %s dp0 flows.txt\n  ovs-dpctl dump-flows -m --no-names dp0 | ovs-dpctl %s dp1 -", name, name),
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args[:len(args)-1])
				if err != nil {
					return err
				}
				return s.flowFile(cmd, dp, args[len(args)-1], op)
			})
		},
	}
}

func delFlowsCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "del-flows [DP] [FILE]",
		Short: "delete all flows of a datapath, or those of a file",
		Long: `del-flows deletes all flows of a datapath, or with FILE the flows of that file.
A FILE without a DP needs a slash or be "-": a single word is a datapath.

` + fileHelp,
		Example: "  ovs-dpctl del-flows dp0\n  ovs-dpctl del-flows dp0 flows.txt",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(o, func(s session) error {
				dpArg, file := args, ""
				if n := len(args); n == 2 || n == 1 && isFile(args[0]) {
					dpArg, file = args[:n-1], args[n-1]
				}
				dp, err := s.datapath(cmd.Context(), dpArg)
				if err != nil {
					return err
				}
				if file == "" {
					return s.FlushFlows(cmd.Context(), dp)
				}
				return s.flowFile(cmd, dp, file, lineDelete)
			})
		},
	}
}

// isFile tells a file from a datapath, whose name cannot have a slash.
func isFile(arg string) bool {
	return arg == "-" || strings.Contains(arg, "/")
}

// flowFile does what the lines of a file say.
func (s session) flowFile(cmd *cobra.Command, dp ovs.Datapath, file string, op lineOp) error {
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("read flows: %w", err)
		}
		defer f.Close()
		in = f
	}
	ports, err := s.portNumbers(cmd.Context(), dp)
	if err != nil {
		return err
	}
	t := newTally(cmd)
	err = eachLine(cmd.Context(), bufio.NewReaderSize(in, maxLine), func(n int, line []byte, err error) error {
		done := op
		if err == nil {
			done, err = s.flowLine(cmd.Context(), dp, string(line), op, ports)
		}
		if err != nil && cmd.Context().Err() != nil {
			return err
		}
		t.count(done, err)
		if err != nil {
			t.clear()
			cli.Warnf(cmd, "line %d: %v", n, err)
		}
		if errors.Is(err, ovs.ErrNoDatapath) || errors.Is(err, ovs.ErrPermission) {
			return err // and so would be the rest
		}
		return nil
	})
	t.end(dp.Name)
	if err == nil && t.failed > 0 {
		err = fmt.Errorf("%d of %d flows failed", t.failed, t.all())
	}
	return err
}

// flowLine does what one line says.
func (s session) flowLine(ctx context.Context, dp ovs.Datapath, line string, op lineOp, ports odp.Ports) (lineOp, error) {
	l := splitFlowLine(line, op)
	if l.op == lineDelete {
		m, ufid, err := parseFlowID(l.flow, ports)
		if err == nil {
			_, err = s.delFlow(ctx, dp, m, ufid)
		}
		return l.op, err
	}
	if !l.hasActions {
		return l.op, errors.New("no actions (write drop for none)")
	}
	spec, err := parseFlow(l.flow, l.actions, ports)
	if err != nil {
		return l.op, err
	}
	if l.op == lineModify {
		_, err = s.modFlow(ctx, dp, spec)
	} else {
		err = s.AddFlow(ctx, dp, spec)
	}
	return l.op, err
}
