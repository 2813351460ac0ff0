// SPDX-License-Identifier: Apache-2.0

package modstate

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
)

// words are the kinds in reports for people.
var words = map[Kind]string{
	Ours: "dpscope's", Kernel: "the kernel's own", Other: "another's", Builtin: "built in", Unknown: "unknown", None: "-",
}

// Text is the kind in words.
func (k Kind) Text() string { return words[k] }

// WriteText writes a report for people.
func (r Report) WriteText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "Linux %s\n\n", r.Release); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MODULE\tLOADED\tMODPROBE LOADS\tFILE")
	for _, m := range r.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.Name, m.Loaded.Text(), m.Installed.Text(), cmp.Or(m.File, "-"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if _, err := fmt.Fprintf(w, "\n%s: %s\n", f.Level, f.Text); err != nil {
			return err
		}
		if f.Advice == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "  %s\n", f.Advice); err != nil {
			return err
		}
	}
	return nil
}
