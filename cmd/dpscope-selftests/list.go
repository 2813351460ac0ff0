// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests"
)

// listSchema names the JSON form of list.
const listSchema = "selftests/1"

// listed is a case in the JSON form of list.
type listed struct {
	Name  string              `json:"name"`
	Doc   string              `json:"doc"`
	Needs []selftests.Feature `json:"needs"`
	// Global cases reach beyond their network namespaces.
	Global bool `json:"global"`
}

func listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [PATTERN...]",
		Short: "list the cases",
		Long: `list shows the cases with what each one shows. A PATTERN with *, ? or [ is a glob
over the whole name; any other is looked for anywhere in it. It needs no
privilege.`,
		ValidArgsFunction: completeCases,
	}
	var form cli.ListFlags
	form.Add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		chosen, err := choose(args)
		if err != nil {
			return err
		}
		if !form.JSON() {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, c := range chosen {
				fmt.Fprintf(w, "%s\t%s\n", c.Name, c.Doc)
			}
			return w.Flush()
		}
		items := make([]listed, 0, len(chosen))
		for _, c := range chosen {
			needs := c.Needs
			if needs == nil {
				needs = []selftests.Feature{}
			}
			items = append(items, listed{c.Name, c.Doc, needs, c.Global})
		}
		return cli.PrintList(cmd.OutOrStdout(), listSchema, items, form.Pretty())
	}
	return cmd
}
