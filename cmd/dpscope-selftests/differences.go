// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/cases"
)

// differencesSchema names the JSON form of differences.
const differencesSchema = "selftests-differences/1"

// differencesBlock is the place in a document that holds the table.
const differencesBlock = "differences"

// difference is a known one in the JSON form.
type difference struct {
	Case  string       `json:"case"`
	What  string       `json:"what"`
	Since string       `json:"since"`
	Looks []cases.Look `json:"looks"`
	Why   string       `json:"why"`
}

func differencesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "differences",
		Short: "list what kernels are known to do differently",
		Long: `differences prints the known differences between kernels that have the features of
sampling, from dpscope's patches or from upstream. Each is a case: run tests that
the running kernel is on the one side or the other, as its release says. It needs
no privilege.

--write puts the table into a document, between the lines that mark its place.`,
		Args: cobra.NoArgs,
	}
	var form cli.ListFlags
	form.Add(cmd)
	write := cmd.Flags().String("write", "", "put the table into this Markdown `DOCUMENT`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *write != "" {
			return writeBlock(*write, differencesBlock, writeDifferences)
		}
		if !form.JSON() {
			return printDifferences(cmd.OutOrStdout())
		}
		var items []difference
		for _, d := range cases.KnownDifferences {
			items = append(items, difference{"known-" + d.Name, d.What, d.Releases(), d.Looks, d.Why})
		}
		return cli.PrintList(cmd.OutOrStdout(), differencesSchema, items, form.Pretty())
	}
	return cmd
}

// printDifferences writes the table for people.
func printDifferences(out io.Writer) error {
	var b strings.Builder
	for i, d := range cases.KnownDifferences {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "known-%s: %s\n  since Linux %s\n", d.Name, d.What, d.Releases())
		for _, l := range d.Looks {
			fmt.Fprintf(&b, "  %s: %s before, %s since\n", l.How, l.Before, l.After)
		}
		fmt.Fprintf(&b, "  why: %s\n", d.Why)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// writeDifferences writes the table for a document.
func writeDifferences(out io.Writer) error {
	var b strings.Builder
	b.WriteString("| case | what | since | how it is seen: before, since | why it is left so, or not |\n|---|---|---|---|---|\n")
	for _, d := range cases.KnownDifferences {
		var looks []string
		for _, l := range d.Looks {
			looks = append(looks, fmt.Sprintf("%s: %s, %s", l.How, l.Before, l.After))
		}
		fmt.Fprintf(&b, "| `known-%s` | %s | %s | %s | %s |\n", d.Name, d.What, d.Releases(), strings.Join(looks, "; "), d.Why)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
