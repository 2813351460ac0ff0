// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dpscope/dpscope/selftests/ktap"
)

// footnotes numbers reasons in the order they are first met.
type footnotes struct{ reasons []string }

func (f *footnotes) number(reason string) int {
	i := slices.Index(f.reasons, reason)
	if i < 0 {
		i = len(f.reasons)
		f.reasons = append(f.reasons, reason)
	}
	return i + 1
}

// cell is a result as it stands in a table.
func (f *footnotes) cell(c *Column, k key) string {
	test, ok := c.cells[k]
	switch {
	case !ok:
		return "-"
	case test.Reason != "" && test.Status != ktap.Passed:
		return fmt.Sprintf("%s (%d)", test.Status, f.number(test.Reason))
	default:
		return test.Status.String()
	}
}

// versions is what a column is made of.
func (c *Column) versions() []string {
	or := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return []string{c.Kernel, c.VM, or(c.CPUs), or(c.Release), or(c.Packages), or(c.Compiler), or(c.Modules)}
}

var versionTitles = []string{"kernel", "vm", "processors", "release", "made of", "kernel's compiler", "modules' compiler"}

// WriteText writes the table for people.
func (t *Table) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(cells []string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }
	line(upper(versionTitles))
	for _, c := range t.columns {
		line(c.versions())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	var notes footnotes
	for _, g := range t.groups {
		if len(g.Tests) == 0 {
			continue
		}
		fmt.Fprintln(out)
		line(t.titles(strings.ToUpper(g.Title)))
		for _, name := range g.Tests {
			line(t.row(&notes, key{g.Title, name}))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	for _, c := range t.columns {
		fmt.Fprintf(out, "%s with %s: %s\n", c.Kernel, c.VM, t.totals(c))
		if c.Trouble != "" {
			fmt.Fprintf(out, "%s with %s: %s\n", c.Kernel, c.VM, c.Trouble)
		}
	}
	for i, reason := range notes.reasons {
		fmt.Fprintf(out, "(%d) %s\n", i+1, reason)
	}
	return nil
}

func upper(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = strings.ToUpper(out[i])
	}
	return out
}

// titles heads a table: a word of its own, and the columns' names.
func (t *Table) titles(first string) []string {
	out := []string{first}
	for _, c := range t.columns {
		out = append(out, c.Kernel+" "+c.VM)
	}
	return out
}

func (t *Table) row(notes *footnotes, k key) []string {
	out := []string{k.name}
	for _, c := range t.columns {
		out = append(out, notes.cell(c, k))
	}
	return out
}

// WriteMarkdown writes the table for a document.
func (t *Table) WriteMarkdown(out io.Writer) error {
	var b strings.Builder
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + escape(c) + " ")
		}
		b.WriteString("|\n")
	}
	rule := func(n int) { b.WriteString(strings.Repeat("|---", n) + "|\n") }
	line(versionTitles)
	rule(len(versionTitles))
	for _, c := range t.columns {
		line(c.versions())
	}
	var notes footnotes
	for _, g := range t.groups {
		if len(g.Tests) == 0 {
			continue
		}
		b.WriteString("\n")
		line(t.titles(g.Title))
		rule(1 + len(t.columns))
		for _, name := range g.Tests {
			line(t.row(&notes, key{g.Title, name}))
		}
	}
	b.WriteString("\n")
	for _, c := range t.columns {
		fmt.Fprintf(&b, "* %s with %s: %s\n", c.Kernel, c.VM, t.totals(c))
		if c.Trouble != "" {
			fmt.Fprintf(&b, "* %s with %s: %s\n", c.Kernel, c.VM, escape(c.Trouble))
		}
	}
	for i, reason := range notes.reasons {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "* (%d) %s\n", i+1, escape(reason))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// escape keeps text within its cell.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}
