// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
)

// PrintList writes the JSON form of a list: one object that names its schema
// and carries the items. A nil list prints as an empty one.
func PrintList[T any](w io.Writer, schema string, items []T, pretty bool) error {
	if items == nil {
		items = []T{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if pretty {
		enc.SetIndent("", "  ")
	}
	err := enc.Encode(struct {
		Schema string `json:"schema"`
		Items  []T    `json:"items"`
	}{schema, items})
	if err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	return nil
}
