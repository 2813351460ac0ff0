// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
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

// List writes what PrintList does, item by item, so that a list of any length
// passes in bounded memory.
type List struct {
	w      io.Writer
	pretty bool
	begun  bool
	schema string
	buf    bytes.Buffer
}

// NewList begins a list; nothing is written before the first Add or Close.
func NewList(w io.Writer, schema string, pretty bool) *List {
	return &List{w: w, schema: schema, pretty: pretty}
}

// Add writes one item.
func (l *List) Add(item any) error {
	l.buf.Reset()
	l.begin()
	if l.begun {
		l.buf.WriteByte(',')
	}
	l.begun = true
	if l.pretty {
		l.buf.WriteString("\n    ")
	}
	enc := json.NewEncoder(&l.buf)
	enc.SetEscapeHTML(false)
	if l.pretty {
		enc.SetIndent("    ", "  ")
	}
	if err := enc.Encode(item); err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	l.buf.Truncate(l.buf.Len() - 1) // the encoder's line break
	return l.flush()
}

// Close ends the list.
func (l *List) Close() error {
	l.buf.Reset()
	l.begin()
	switch {
	case !l.pretty:
		l.buf.WriteString("]}\n")
	case l.begun:
		l.buf.WriteString("\n  ]\n}\n")
	default:
		l.buf.WriteString("]\n}\n")
	}
	return l.flush()
}

func (l *List) begin() {
	switch {
	case l.begun:
	case l.pretty:
		fmt.Fprintf(&l.buf, "{\n  \"schema\": %q,\n  \"items\": [", l.schema)
	default:
		fmt.Fprintf(&l.buf, "{\"schema\":%q,\"items\":[", l.schema)
	}
}

func (l *List) flush() error {
	if _, err := l.w.Write(l.buf.Bytes()); err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	return nil
}
