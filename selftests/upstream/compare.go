// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/ktap"
)

// Waits are the tests that mostly wait for a time-out of TCP, whatever drives
// them. Their times say nothing of a tool.
var Waits = []string{"ct_connect_v4", "nat_connect_v4"}

// Comparison holds the results of two tools against each other.
type Comparison struct {
	// Tools are their names; the second one's time is a part of the first one's.
	Tools [2]string

	tests []string
	cells map[[2]string]cell
}

type cell struct {
	status ktap.Status
	took   time.Duration
}

// Add notes a result. A tool that is neither of the two is left out.
func (c *Comparison) Add(test, tool string, status ktap.Status, took time.Duration) {
	if !slices.Contains(c.Tools[:], tool) {
		return
	}
	if !slices.Contains(c.tests, test) {
		c.tests = append(c.tests, test)
	}
	if c.cells == nil {
		c.cells = map[[2]string]cell{}
	}
	c.cells[[2]string{test, tool}] = cell{status, took}
}

// Ratio is the second tool's time as a part of the first one's, over the tests
// that both passed and that do not only wait; 0 if there are none.
func (c *Comparison) Ratio() float64 {
	first, second := c.sums()
	if first == 0 {
		return 0
	}
	return float64(second) / float64(first)
}

func (c *Comparison) sums() (first, second time.Duration) {
	for _, test := range c.tests {
		a, b := c.pair(test)
		if a.status == ktap.Passed && b.status == ktap.Passed && !slices.Contains(Waits, test) {
			first += a.took
			second += b.took
		}
	}
	return first, second
}

func (c *Comparison) pair(test string) (a, b cell) {
	missing := cell{status: ktap.Failed}
	a, ok := c.cells[[2]string{test, c.Tools[0]}]
	if !ok {
		a = missing
	}
	if b, ok = c.cells[[2]string{test, c.Tools[1]}]; !ok {
		b = missing
	}
	return a, b
}

// Worse are the tests that the first tool passes and the second does not.
func (c *Comparison) Worse() []string {
	var out []string
	for _, test := range c.tests {
		if a, b := c.pair(test); a.status == ktap.Passed && b.status != ktap.Passed {
			out = append(out, test)
		}
	}
	return out
}

// WriteMarkdown writes a table: tests in the order of order, those that only
// wait at the end, behind the total of the others.
func (c *Comparison) WriteMarkdown(w io.Writer, order []Test) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| test | %s | s | %s | s | ratio |\n|---|---|---|---|---|---|\n", c.Tools[0], c.Tools[1])
	var waiting []string
	for _, t := range order {
		if slices.Contains(Waits, t.Name) {
			waiting = append(waiting, t.Name)
			continue
		}
		c.row(&b, t.Name)
	}
	first, second := c.sums()
	fmt.Fprintf(&b, "| **those both pass** | | **%.1f** | | **%.1f** | **%.2f** |\n", first.Seconds(), second.Seconds(), c.Ratio())
	for _, test := range waiting {
		c.row(&b, test)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Comparison) row(b *strings.Builder, test string) {
	if !slices.Contains(c.tests, test) {
		return
	}
	first, second := c.pair(test)
	fmt.Fprintf(b, "| %s | %s | %.1f | %s | %.1f |", test, first.status, first.took.Seconds(), second.status, second.took.Seconds())
	if first.status == ktap.Passed && second.status == ktap.Passed && first.took > 0 {
		fmt.Fprintf(b, " %.2f", second.took.Seconds()/first.took.Seconds())
	}
	b.WriteString(" |\n")
}
