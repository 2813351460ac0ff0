// SPDX-License-Identifier: Apache-2.0

package jsonschema

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct{ schema, good, bad string }{
		{`{"type":"integer"}`, `1`, `1.5`},
		{`{"type":"number"}`, `1`, `"1"`},
		{`{"type":"array","items":{"type":"string"}}`, `["a"]`, `["a",null]`},
		{`{"const":"a"}`, `"a"`, `"b"`},
		{`{"enum":[1,"a"]}`, `1`, `2`},
		{`{"pattern":"^([0-9a-f]{2})*$"}`, `"00ff"`, `"0"`},
		{`{"minimum":1}`, `1`, `0`},
		{`{"maximum":255}`, `255`, `256`},
		{`{"required":["a"]}`, `{"a":1}`, `{"b":1}`},
		{`{"properties":{"a":{"type":"boolean"}},"additionalProperties":false}`, `{"a":true}`, `{"b":true}`},
		{`{"properties":{"a":{"type":"boolean"}}}`, `{"b":1}`, `{"a":1}`},
		{`{"minProperties":1,"maxProperties":1}`, `{"a":1}`, `{"a":1,"b":2}`},
		{`{"minProperties":1,"maxProperties":1}`, `{"a":1}`, `{}`},
		{`{"oneOf":[{"type":"string"},{"minimum":3}]}`, `3`, `2`},
		{`{"$ref":"#/$defs/list","$defs":{"list":{"type":"array","items":{"$ref":"#/$defs/list"}}}}`, `[[],[[]]]`, `[[1]]`},
		{`{"type":"string"}`, `"a"`, `"a" "b"`},
	} {
		s, err := Parse([]byte(tt.schema))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check([]byte(tt.good)); err != nil {
			t.Errorf("%s: %s is refused: %v", tt.schema, tt.good, err)
		}
		if s.Check([]byte(tt.bad)) == nil {
			t.Errorf("%s: %s passes", tt.schema, tt.bad)
		}
	}
	for _, schema := range []string{`{"maxLength":3}`, `{"$ref":"#/$defs/none"}`, `{"$ref":"ovs-odp.schema.json#/$defs/u8"}`} {
		if s, err := Parse([]byte(schema)); err != nil || s.Check([]byte(`"a"`)) == nil {
			t.Errorf("%s is taken", schema)
		}
	}
}

// TestOtherFile: a definition may be in a file beside the schema.
func TestOtherFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": `{"items":{"$ref":"b.json#/$defs/x"},"$defs":{"y":{"type":"string"}}}`,
		"b.json": `{"$defs":{"x":{"$ref":"#/$defs/y"},"y":{"type":"integer"}}}`,
		"c.json": `{"$ref":"../a.json#/$defs/y"}`,
		"d.json": `{"$ref":"e.json#/$defs/y"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		file, doc string
		ok        bool
	}{{"a.json", `[1,2]`, true}, {"a.json", `["1"]`, false}, {"c.json", `"1"`, false}, {"d.json", `"1"`, false}} {
		s, err := Load(filepath.Join(dir, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check([]byte(tt.doc)); (err == nil) != tt.ok {
			t.Errorf("%s: %s: %v", tt.file, tt.doc, err)
		}
	}
}

// TestSchemas: every published schema is read, and takes nothing for granted.
func TestSchemas(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "schema", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	for _, f := range files {
		s, err := Load(f)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if s.Check([]byte(`{}`)) == nil {
			t.Errorf("%s: an empty object passes", f)
		}
		if want := "https://github.com/dpscope/dpscope/docs/schema/" + filepath.Base(f); s.root["$id"] != want {
			t.Errorf("%s: $id is %v", f, s.root["$id"])
		}
	}
}
