// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// ListFlags are -j/--json and -p/--pretty of a command that prints a list.
type ListFlags struct{ json, pretty bool }

// Add adds the flags to a command.
func (f *ListFlags) Add(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.json, "json", "j", false, "print one JSON object")
	cmd.Flags().BoolVarP(&f.pretty, "pretty", "p", false, "print JSON with line breaks (implies --json)")
}

// JSON tells whether JSON is wanted.
func (f *ListFlags) JSON() bool { return f.json || f.pretty }

// Pretty tells whether it is to be indented.
func (f *ListFlags) Pretty() bool { return f.pretty }

// PrintList writes the JSON form of a list: one object that names its schema
// and carries the items. A nil list prints as an empty one.
func PrintList[T any](w io.Writer, schema string, items []T, pretty bool) error {
	if items == nil {
		items = []T{}
	}
	return PrintJSON(w, struct {
		Schema string `json:"schema"`
		Items  []T    `json:"items"`
	}{schema, items}, pretty)
}

// PrintJSON writes one value, on a line or indented.
func PrintJSON(w io.Writer, v any, pretty bool) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if pretty {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	return nil
}
