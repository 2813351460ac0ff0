// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// record is what a reference tool made of a text.
type record struct {
	text, bytes, printed, verbose string
}

// records reads a file of testdata: lines that begin with > = - and +.
func records(t *testing.T, name string) []record {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var list []record
	for line := range strings.Lines(string(b)) {
		mark, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if mark == ">" {
			list = append(list, record{text: rest})
			continue
		}
		if len(list) == 0 {
			continue
		}
		switch r := &list[len(list)-1]; mark {
		case "=":
			r.bytes = rest
		case "-":
			r.printed = rest
		case "+":
			r.verbose = rest
		}
	}
	if len(list) < 10 {
		t.Fatalf("%s has %d records", name, len(list))
	}
	return list
}

// TestReferenceFlows holds the reader and the printer against what the reference
// tools recorded in testdata made of the same text and bytes.
func TestReferenceFlows(t *testing.T) {
	for file, dialect := range map[string]odp.Dialect{"ovs-4.0-flows.txt": odp.OVS, "kselftest-7.2-flows.txt": odp.Kselftest} {
		for _, r := range records(t, file) {
			t.Run(r.text, func(t *testing.T) {
				key, mask, _ := strings.Cut(r.bytes, " ")
				want, err := odp.DecodeMatch(mustHex(t, key), mustHex(t, mask))
				if err != nil {
					t.Fatal(err)
				}
				_, got, err := odp.ParseOptions{Dialect: dialect}.Flow(r.text)
				if err != nil {
					t.Fatal(err)
				}
				if d := diff(unordered(want), unordered(got)); d != "" {
					t.Errorf("read otherwise (-reference +got):\n%s", d)
				}
				for _, o := range []odp.TextOptions{{Dialect: dialect}, {Dialect: dialect, Verbose: true}} {
					text := r.printed
					if o.Verbose {
						text = r.verbose
					}
					if got := string(want.AppendText(nil, o)); got != text {
						t.Errorf("verbose %v\ngot       %s\nreference %s", o.Verbose, got, text)
					}
				}
				checkMatch(t, want)
				checkMatch(t, got)
			})
		}
	}
}

// unordered is a match whose tunnel attributes are in the order of their types:
// tools send them in different orders, which means nothing.
func unordered(m odp.Match) odp.Match {
	m.Fields = slices.Clone(m.Fields)
	for i := range m.Fields {
		if f := &m.Fields[i]; f.Type == uapi.OVS_KEY_ATTR_TUNNEL {
			f.Value, f.Mask = byType(f.Value), byType(f.Mask)
		}
	}
	return m
}

func byType(b []byte) []byte {
	var list []nl.Attr
	for at, err := range nl.Attrs(b) {
		if err == nil {
			list = append(list, at)
		}
	}
	slices.SortFunc(list, func(a, b nl.Attr) int { return int(a.Type) - int(b.Type) })
	out := []byte{}
	for _, at := range list {
		typ := at.Type
		if at.Nested {
			typ |= nl.NestedFlag
		}
		out = nl.AppendAttr(out, typ, at.Data)
	}
	return out
}

func TestReferenceActions(t *testing.T) {
	for file, dialect := range map[string]odp.Dialect{"ovs-4.0-actions.txt": odp.OVS, "kselftest-7.2-actions.txt": odp.Kselftest} {
		for _, r := range records(t, file) {
			t.Run(r.text, func(t *testing.T) {
				got, err := odp.ParseOptions{Dialect: dialect}.Actions(r.text)
				if err != nil {
					t.Fatal(err)
				}
				if dialect == odp.OVS {
					checkActions(t, got)
				}
				if text := string(got.AppendText(nil, odp.TextOptions{Dialect: dialect})); text != r.printed {
					t.Errorf("\ngot       %s\nreference %s", text, r.printed)
				}
				// The reference's parser makes attributes of its own out of
				// what only the userspace datapath has, and a drop action of
				// "drop", which is no action to us.
				if r.text == "drop" || got.CheckKernel() != nil {
					return
				}
				b, err := got.AppendNetlink(nil)
				if err != nil {
					t.Fatal(err)
				}
				if got, err = odp.DecodeActions(b); err != nil {
					t.Fatal(err)
				}
				want, err := odp.DecodeActions(mustHex(t, r.bytes))
				if err != nil {
					t.Fatal(err)
				}
				if a, b := withoutOrder(t, want), withoutOrder(t, got); a != b {
					t.Errorf("read otherwise\ngot       %s\nreference %s", b, a)
				}
				checkActions(t, want)
			})
		}
	}
}

// withoutOrder is actions as JSON that does not say in which order the
// attributes inside an action are.
func withoutOrder(t *testing.T, as odp.Actions) string {
	t.Helper()
	b, err := json.Marshal(as)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "order")
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(v)
	if b, err = json.Marshal(v); err != nil {
		t.Fatal(err)
	}
	return string(b)
}
