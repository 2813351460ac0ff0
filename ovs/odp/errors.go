// SPDX-License-Identifier: Apache-2.0

package odp

import "fmt"

// SyntaxError is text that is no flow or no action list.
type SyntaxError struct {
	What   string // "flow" or "actions"
	Column int    // byte position of the fault, counted from 1
	Msg    string

	// Name is set when the fault is a word that would be right if a port had
	// this name.
	Name string
}

// Error reads `flow: column 12: ipv4: no field "foo"`.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s: column %d: %s", e.What, e.Column, e.Msg)
}
