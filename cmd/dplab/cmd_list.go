// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/lab"
)

func listCommand() *cobra.Command {
	var form cli.ListFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the kernels there are and what is built",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			entries, err := lab.List()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if form.JSON() {
				return cli.PrintList(out, lab.ListSchema, entries, form.Pretty())
			}
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tVM\tVERSION\tSIZE\tSTATE\tFROM")
			for _, e := range entries {
				state := e.Reason
				if e.Built {
					state = "built"
				}
				version, size := "-", "-"
				if e.Version != "" {
					version, size = e.Version, fmt.Sprintf("%d MB", (e.Size+1<<19)>>20)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Name, e.VM, version, size, state, e.Source)
			}
			return w.Flush()
		},
	}
	form.Add(cmd)
	return cmd
}
