// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/selftests/ktap"
)

// Group is tests that belong together.
type Group struct {
	Title string
	Tests []string // in the order of the table
}

// Column is one kernel on one VM.
type Column struct {
	Origin
	// Packages are what the kernel was made of, with their versions.
	Packages string
	// Modules is what its modules were built with, where the lab did that.
	Modules string
	// Informs tells that its failures do not count.
	Informs bool
	// Trouble is why it has no results.
	Trouble string

	cells map[key]ktap.Test
}

// key is a test's name and the title of its group.
type key struct{ group, name string }

// Table is results by test and kernel.
type Table struct {
	groups   []Group
	complete int // so many groups must have all their tests in every column
	columns  []*Column
}

// Others is the title of the group for tests that no other one names.
const Others = "other reports"

// New makes an empty table. Columns come in the order given, those of reports
// that are of none of them behind; so do groups.
func New(groups []Group, columns []Column) *Table {
	t := &Table{groups: slices.Clone(groups), complete: len(groups)}
	for _, c := range columns {
		t.columns = append(t.columns, &Column{
			Origin: c.Origin, Packages: c.Packages, Modules: c.Modules, Informs: c.Informs, Trouble: c.Trouble, cells: map[key]ktap.Test{},
		})
	}
	return t
}

// ErrNoOrigin is the cause when a report does not tell what it is of.
var ErrNoOrigin = errors.New("the report does not tell which kernel it is of")

// Add puts a report into the table. A result that is there already must not
// come again: two reports of one thing contradict each other or say nothing.
func (t *Table) Add(r ktap.Report) error {
	origin, known := OriginOf(r)
	for _, test := range r.Tests {
		name, kernel, vm, own := splitAt(test.Name)
		o := origin
		switch {
		case own:
			o = Origin{Kernel: kernel, VM: vm}
		case !known:
			return fmt.Errorf("test %s: %w", test.Name, ErrNoOrigin)
		}
		c := t.column(o)
		k := key{t.place(name, origin.Tests), name}
		if _, twice := c.cells[k]; twice {
			return fmt.Errorf("test %s: there are two results on %s with %s", name, o.Kernel, o.VM)
		}
		test.Name = name
		c.cells[k] = test
	}
	return nil
}

// column finds the column of an origin, or makes one.
func (t *Table) column(o Origin) *Column {
	for _, c := range t.columns {
		if c.Kernel == o.Kernel && c.VM == o.VM {
			// What reports leave open others may tell.
			c.Release = cmp.Or(c.Release, o.Release)
			c.Compiler = cmp.Or(c.Compiler, o.Compiler)
			c.CPUs = cmp.Or(c.CPUs, o.CPUs)
			return c
		}
	}
	c := &Column{Origin: o, cells: map[key]ktap.Test{}}
	t.columns = append(t.columns, c)
	return c
}

// place makes sure that a test is in a group, and gives its title.
func (t *Table) place(name, title string) string {
	if title == "" {
		for _, g := range t.groups[:t.complete] {
			if slices.Contains(g.Tests, name) {
				return g.Title
			}
		}
		title = Others
	}
	i := slices.IndexFunc(t.groups, func(g Group) bool { return g.Title == title })
	if i < 0 {
		i = len(t.groups)
		t.groups = append(t.groups, Group{Title: title})
	}
	if g := &t.groups[i]; !slices.Contains(g.Tests, name) {
		// The caller's list stays as it is.
		g.Tests = append(slices.Clip(g.Tests), name)
	}
	return title
}

// SetTrouble notes why a kernel gave no results.
func (t *Table) SetTrouble(kernel, vm, why string) {
	t.column(Origin{Kernel: kernel, VM: vm}).Trouble = why
}

// Totals counts a column's results.
type Totals struct {
	ktap.Counts
	Missing int
}

// String has what there is, as "58 ok, 1 skip".
func (n Totals) String() string {
	var out []string
	for _, p := range []struct {
		n    int
		what string
	}{{n.Passed, "ok"}, {n.Failed, "FAIL"}, {n.Skipped, "skip"}, {n.Expected, "xfail"}, {n.Missing, "not run"}} {
		if p.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

func (t *Table) totals(c *Column) Totals {
	var n Totals
	for i, g := range t.groups {
		for _, name := range g.Tests {
			test, ok := c.cells[key{g.Title, name}]
			switch {
			case !ok:
				// Reports beside the main ones need not be of all kernels.
				if i < t.complete {
					n.Missing++
				}
			case test.Status == ktap.Failed:
				n.Failed++
			case test.Status == ktap.Skipped:
				n.Skipped++
			case test.Status == ktap.Expected:
				n.Expected++
			default:
				n.Passed++
			}
		}
	}
	return n
}

// OK tells that everything has run and nothing failed, where that counts.
func (t *Table) OK() bool {
	for _, c := range t.columns {
		if n := t.totals(c); !c.Informs && (n.Failed > 0 || n.Missing > 0 || c.Trouble != "") {
			return false
		}
	}
	return true
}

// Cell is one result in the JSON form.
type Cell struct {
	Group  string      `json:"group"`
	Test   string      `json:"test"`
	Kernel string      `json:"kernel"`
	VM     string      `json:"vm"`
	Status ktap.Status `json:"status"`
	Reason string      `json:"reason,omitempty"`
}

// Cells lists all results, test by test.
func (t *Table) Cells() []Cell {
	var out []Cell
	for _, g := range t.groups {
		for _, name := range g.Tests {
			for _, c := range t.columns {
				if test, ok := c.cells[key{g.Title, name}]; ok {
					out = append(out, Cell{g.Title, name, c.Kernel, c.VM, test.Status, test.Reason})
				}
			}
		}
	}
	return out
}
