// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/lab"
	"github.com/dpscope/dpscope/selftests/lab/build"
)

func listCommand() *cobra.Command {
	var form cli.ListFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the kernels and suites there are and what is built",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			entries, err := lab.List()
			if err != nil {
				return err
			}
			userlands, err := lab.ListSuites()
			if err != nil {
				return err
			}
			if form.JSON() {
				return printLists(cmd.OutOrStdout(), entries, userlands, form.Pretty())
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			tabulate(w, entries, userlands)
			return w.Flush()
		},
	}
	form.Add(cmd)
	return cmd
}

func printLists(w io.Writer, entries []lab.Entry, userlands []lab.Suite, pretty bool) error {
	return cli.PrintJSON(w, struct {
		Schema string      `json:"schema"`
		Items  []lab.Entry `json:"items"`
		Suites []lab.Suite `json:"suites"`
	}{lab.ListSchema, entries, userlands}, pretty)
}

func tabulate(w io.Writer, entries []lab.Entry, userlands []lab.Suite) {
	fmt.Fprintln(w, "NAME\tVM\tVERSION\tSIZE\tSTATE\tFROM")
	for _, e := range entries {
		version, size := "-", "-"
		if e.Version != "" {
			version, size = e.Version, build.Megabytes(e.Size)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Name, e.VM, version, size, state(e.Built, e.Reason), e.Source)
	}
	// A line without tabs ends the columns.
	fmt.Fprintln(w)
	fmt.Fprintln(w, "SUITE\tOPEN VSWITCH\tSIZE\tSTATE\tFROM")
	for _, e := range userlands {
		version, size, from := "-", "-", e.Summary
		if e.OpenVSwitch != "" {
			version, size = e.OpenVSwitch, build.Megabytes(e.Size)
			from = fmt.Sprintf("%d packages of %s", e.Packages, e.Date.Local().Format(time.DateOnly))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Name, version, size, state(e.Built, e.Reason), from)
	}
}

func state(built bool, reason string) string {
	if built {
		return "built"
	}
	return reason
}
