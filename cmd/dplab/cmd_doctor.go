// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/internal/modstate"
)

func doctorCommand() *cobra.Command {
	var form cli.ListFlags
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "tell which psample, act_sample and openvswitch this kernel uses, and what follows",
		Long: `doctor looks at the kernel it runs on (not at one of the lab's; for those:
dplab run -- dplab doctor). It tells for psample, act_sample and openvswitch
which is loaded and which modprobe would load, dpscope's or the kernel's own,
and what follows: what is lacking, why, and what to do. It only reads, and
needs no privileges. Linux 6.11 and later need none of dpscope's modules.
"ovs-dpctl doctor" says the same, and what else Open vSwitch's datapath and its
tools need.

Exit status: 0 if all is well; 1 if something has to be done, or doctor failed.`,
		Example: `  dplab doctor
  dplab doctor -j`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := modstate.Host()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if form.JSON() {
				err = cli.PrintJSON(out, r, form.Pretty())
			} else if err = r.WriteText(out); err != nil {
				err = fmt.Errorf("write standard output: %w", err)
			}
			if err == nil && r.NeedsAction() {
				err = cli.Exit(cli.ExitFailed)
			}
			return err
		},
	}
	form.Add(cmd)
	return cmd
}
