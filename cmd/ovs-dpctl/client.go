// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs"
)

// openNetNS opens the network namespace the user chose.
type openNetNS func() (*nl.NetNS, error)

// session is a client, the namespace it works in and what the user wants.
type session struct {
	*ovs.Client
	ns *nl.NetNS
	o  *options
}

func withClient(o *options, fn func(session) error) error {
	ns, err := o.netns()
	if err != nil {
		return err
	}
	defer func() { _ = ns.Close() }()
	c, err := ovs.Open(ns)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return fn(session{c, ns, o})
}

// datapathName takes a DP argument apart: [system@]NAME.
func datapathName(arg string) (string, error) {
	kind, name, ok := strings.Cut(arg, "@")
	switch {
	case !ok:
		name = arg
	case kind == "netdev":
		return "", cli.Usagef("datapath %q: a user-space datapath is inside ovs-vswitchd; use ovs-appctl dpctl/...", arg)
	case kind != "system":
		return "", cli.Usagef("datapath %q: want NAME or system@NAME", arg)
	}
	if name == "" {
		return "", cli.Usagef("datapath %q: the name is empty", arg)
	}
	return name, nil
}

// datapath finds the datapath an argument names, or the only one when there is
// no argument.
func (s session) datapath(ctx context.Context, args []string) (ovs.Datapath, error) {
	if len(args) > 0 {
		name, err := datapathName(args[0])
		if err != nil {
			return ovs.Datapath{}, err
		}
		return s.Datapath(ctx, name)
	}
	dps, err := s.Datapaths(ctx)
	if err != nil {
		return ovs.Datapath{}, err
	}
	switch len(dps) {
	case 0:
		return ovs.Datapath{}, errors.New("there is no datapath (make one: ovs-dpctl add-dp NAME)")
	case 1:
		return dps[0], nil
	}
	names := make([]string, len(dps))
	for i, dp := range dps {
		names[i] = dp.Name
	}
	return ovs.Datapath{}, cli.Usagef("there are %d datapaths, name one: %s", len(dps), strings.Join(names, " "))
}

// printf prints to stdout, whose errors the framework reports when it flushes.
func printf(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.OutOrStdout(), format, args...)
}
