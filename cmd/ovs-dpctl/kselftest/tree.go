// SPDX-License-Identifier: Apache-2.0

// Package kselftest is the command tree of ovs-dpctl.py, the tool of the
// kernel's Open vSwitch selftests: its words, arguments, defaults, output and
// exit statuses, so that the kernel's scripts run with ovs-dpctl in its place.
//
// What scripts cannot notice is better where the other is wrong;
// docs/kselftest-dialect.md lists it. Flows and actions are those of ovs/odp in its
// dialect Kselftest.
package kselftest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

// tool is what the commands share.
type tool struct {
	verbose int // how often -v was given
}

// New makes the command tree. The name is what messages begin with.
func New(name string) *cobra.Command {
	t := new(tool)
	root := &cobra.Command{
		Use:   name,
		Short: "ovs-dpctl with the words of the kernel selftests' ovs-dpctl.py",
		Long: `This is ovs-dpctl with the words and the output of ovs-dpctl.py, the tool of the
kernel's Open vSwitch selftests, which it can take the place of. It is what one
gets when ovs-dpctl is called as ovs-dpctl.py, with --dialect kselftest as its
first argument, or with DPSCOPE_DIALECT=kselftest in the environment.

FLOW and ACTIONS are what docs/odp-grammar.md has for this dialect. Bad actions
that are well-formed, such as a cookie that is too long, are for the kernel to
refuse. docs/kselftest-dialect.md lists what differs from the Python tool.

Exit status: 0 done, 1 failed or there is no such datapath, 2 usage, 3 the
kernel lacks what is needed.`,
		Args: cobra.NoArgs,
		// Without a command the tool does nothing, and says nothing.
		RunE:             func(*cobra.Command, []string) error { return nil },
		TraverseChildren: true, // -v stands before the command: behind it other letters rule
	}
	root.Flags().CountVarP(&t.verbose, "verbose", "v", "dump flows with all fields and ids; twice: tell on standard error what is sent")
	root.AddCommand(
		t.showCommand(), t.addDPCommand(), t.delDPCommand(),
		t.addIfCommand(), t.delIfCommand(),
		t.dumpFlowsCommand(), t.addFlowCommand(), t.modFlowCommand(), t.delFlowsCommand(),
		t.psampleCommand(),
	)
	abbreviate(root)
	for _, c := range root.Commands() {
		abbreviate(c)
	}
	return root
}

// abbreviate has a command take long options by any beginning that is no other's
// too, as Python's argparse does.
func abbreviate(cmd *cobra.Command) {
	cmd.Flags().SetNormalizeFunc(func(f *pflag.FlagSet, name string) pflag.NormalizedName {
		var found []string
		exact := false
		f.VisitAll(func(flag *pflag.Flag) {
			exact = exact || flag.Name == name
			if strings.HasPrefix(flag.Name, name) {
				found = append(found, flag.Name)
			}
		})
		if !exact && len(found) == 1 {
			name = found[0]
		}
		return pflag.NormalizedName(name)
	})
}

// debugf tells on standard error what is done, with -vv.
func (t *tool) debugf(cmd *cobra.Command, format string, args ...any) {
	if t.verbose > 1 {
		cli.Warnf(cmd, "debug: "+format, args...)
	}
}

// say writes a line for whoever reads along.
func say(cmd *cobra.Command, format string, args ...any) error {
	fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return cli.Flush(cmd)
}

// notFound is how the tool says that a datapath is not there.
func notFound(cmd *cobra.Command, name string) error {
	return errors.Join(say(cmd, "DP '%s' not found.", name), cli.Exit(cli.ExitFailed))
}
