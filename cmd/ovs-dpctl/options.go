// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

// options are the flags every command takes, before or after its name: Open
// vSwitch's ovs-dpctl has no others, and scripts write them in either place.
type options struct {
	netns openNetNS

	more      bool // -m
	stats     bool // -s
	names     bool
	numbers   bool // --no-names
	clear     bool
	mayCreate bool
	readOnly  bool
	timeout   uint

	cancel context.CancelFunc
}

// add adds the flags to the root command.
func (o *options) add(root *cobra.Command) {
	o.netns = cli.NetNSFlag(root)
	f := root.PersistentFlags()
	f.BoolVarP(&o.more, "more", "m", false, "print more: all fields and ids of flows, details of connections")
	f.BoolVarP(&o.stats, "statistics", "s", false, "print counters too: of ports, of the flow a command was about")
	f.BoolVar(&o.names, "names", false, "print ports by name")
	f.BoolVar(&o.numbers, "no-names", false, "print ports by number")
	f.BoolVar(&o.clear, "clear", false, "mod-flow: set the flow's counters to zero")
	f.BoolVar(&o.mayCreate, "may-create", false, "mod-flow: add the flow if it is not there")
	f.BoolVar(&o.readOnly, "read-only", false, "refuse commands that change anything")
	f.UintVarP(&o.timeout, "timeout", "t", 0, "give up after `SECONDS`; 0 waits for ever")
	root.Flags().BoolP("version", "V", false, "print the version")
	root.PersistentPreRunE = o.begin
	root.PersistentPostRun = func(*cobra.Command, []string) { o.cancel() }
}

// writes marks a command that changes something.
const writes = "writes"

// changing marks commands as such that change something.
func changing(cmds ...*cobra.Command) []*cobra.Command {
	for _, c := range cmds {
		c.Annotations = map[string]string{writes: "yes"}
	}
	return cmds
}

var errTimeout = errors.New("given up")

// begin holds what concerns every command against its flags.
func (o *options) begin(cmd *cobra.Command, _ []string) error {
	o.cancel = func() {}
	if o.names && o.numbers {
		return cli.Usagef("--names and --no-names: none of the others can be given beside one of them")
	}
	if o.readOnly && cmd.Annotations[writes] != "" {
		return &cli.Error{Code: cli.ExitFailed, Err: fmt.Errorf("%s: it changes something, and --read-only was given", cmd.Name())}
	}
	if o.timeout > 0 {
		ctx := cmd.Context()
		after := time.Duration(o.timeout) * time.Second
		ctx, o.cancel = context.WithTimeoutCause(ctx, after, fmt.Errorf("%w: not done after %v (--timeout)", errTimeout, after))
		cmd.SetContext(ctx)
	}
	return nil
}
