// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/odptest"
)

// TestSchema holds the JSON of random flows and actions against the published
// schema, which takes no member it does not name.
func TestSchema(t *testing.T) {
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", "ovs-odp.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	seen := odptest.Coverage{}
	for _, o := range []odptest.Options{{}, {Odd: true}} {
		g := odptest.New(11, o)
		for range 500 {
			m, as := g.Match(), g.Actions()
			checkSchema(t, s, "flow", "match", m)
			checkSchema(t, s, "actions", "actions", as)
			if err := seen.Match(m); err != nil {
				t.Fatal(err)
			}
			if err := seen.Actions(as); err != nil {
				t.Fatal(err)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	if missing := seen.Missing(odptest.Names(), 1); len(missing) > 0 {
		t.Errorf("not tried: %v", missing)
	}
	if s.Check([]byte(`{"type":"flow","v":1,"match":{"key":{"foo":1}}}`)) == nil {
		t.Error("the schema takes any member")
	}
}

func checkSchema(t *testing.T, s *jsonschema.Schema, typ, member string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(fmt.Appendf(nil, `{"type":%q,"v":1,%q:%s}`, typ, member, b)); err != nil {
		t.Errorf("%v in %s", err, b)
	}
}

// TestSchemaOfMasks: what the schema says of a mask holds for one that is laid out
// by its value, too.
func TestSchemaOfMasks(t *testing.T) {
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", "ovs-odp.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"tunnel(dst=1.1.1.1,erspan(ver=2/0xff,dir=1/0x1,hwid=0x7/0x3))",
		"tunnel(dst=1.1.1.1,geneve({class=1/0xff,type=2/0,len=8/0x3,0xa00000001/0xf0000000f}{class=3,type=4,len=0}))",
	} {
		_, m, err := odp.ParseFlow(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkSchema(t, s, "flow", "match", m)
		checkMatch(t, m)
	}
}
