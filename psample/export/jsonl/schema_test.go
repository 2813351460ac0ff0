// SPDX-License-Identifier: Apache-2.0

package jsonl_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/dpscope/dpscope/internal/jsonschema"
)

// schema is the published one.
var schema = sync.OnceValue(func() *jsonschema.Schema {
	s, err := jsonschema.Load(filepath.Join("..", "..", "..", "docs", "schema", "psample-listen.schema.json"))
	if err != nil {
		panic(err)
	}
	return s
})

// validate checks one line against the schema.
func validate(t *testing.T, line []byte) {
	t.Helper()
	if err := schema().Check(line); err != nil {
		t.Errorf("%v in %s", err, line)
	}
}

func TestSchemaRefuses(t *testing.T) {
	for _, bad := range []string{
		`{}`,
		`[]`,
		`{"type":"sample","v":1,"group":1}`,
		`{"type":"sample","v":2,"group":1,"rate_is_probability":false}`,
		`{"type":"sample","v":1,"group":"1","rate_is_probability":false}`,
		`{"type":"sample","v":1,"group":4294967296,"rate_is_probability":false}`,
		`{"type":"sample","v":1,"group":1.5,"rate_is_probability":false}`,
		`{"type":"sample","v":1,"group":1,"rate_is_probability":false,"cookie":"C0"}`,
		`{"type":"sample","v":1,"group":1,"rate_is_probability":false,"surprise":1}`,
		`{"type":"module","v":1,"timestamp":"2023-11-14T22:13:21Z","loaded":true}`,
	} {
		if schema().Check([]byte(bad)) == nil {
			t.Errorf("%s passes", bad)
		}
	}
}
