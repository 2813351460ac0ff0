// SPDX-License-Identifier: Apache-2.0

// Package doctor finds out what a machine has of what ovs-dpctl needs, what is
// missing and what to do about it. It only reads: nothing is loaded, opened or
// changed by looking.
package doctor

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Status is a verdict.
type Status string

// The verdicts. Missing is what nothing works without; Absent is what only some
// things need, and Unknown what could not be found out.
const (
	OK      Status = "ok"
	Info    Status = "info"
	Absent  Status = "absent"
	Warning Status = "warning"
	Missing Status = "missing"
	Unknown Status = "unknown"
)

// Check is one thing that was looked at.
type Check struct {
	Area   string `json:"area"` // kernel, module, patches, family, privilege, setting, daemon, datapath, feature
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"` // what to do
}

// AnyMissing tells whether something is missing that nothing works without.
func AnyMissing(list []Check) bool {
	for _, c := range list {
		if c.Status == Missing {
			return true
		}
	}
	return false
}

// WriteText writes the checks for people.
func WriteText(w io.Writer, list []Check) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATUS\tAREA\tNAME\tDETAIL")
	for _, c := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Status, c.Area, c.Name, c.Detail)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	for _, c := range list {
		if c.Advice != "" {
			if _, err := fmt.Fprintf(w, "\n%s %s: %s\n", c.Area, c.Name, c.Advice); err != nil {
				return fmt.Errorf("write standard output: %w", err)
			}
		}
	}
	return nil
}
