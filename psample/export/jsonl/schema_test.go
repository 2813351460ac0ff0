// SPDX-License-Identifier: Apache-2.0

package jsonl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// schema is the published one; the subset of JSON Schema it uses is checked by
// check below, which refuses keywords it does not know.
var schema = sync.OnceValue(func() map[string]any {
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "schema", "psample-listen.schema.json"))
	if err != nil {
		panic(err)
	}
	var s map[string]any
	if err := json.Unmarshal(raw, &s); err != nil {
		panic(err)
	}
	return s
})

// validate checks one line against the schema.
func validate(t *testing.T, line []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	if err := check(schema(), v, "$"); err != nil {
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
		var v any
		d := json.NewDecoder(strings.NewReader(bad))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if check(schema(), v, "$") == nil {
			t.Errorf("%s passes", bad)
		}
	}
}

func check(s map[string]any, v any, at string) error {
	for key, arg := range s {
		if err := keyword(s, key, arg, v, at); err != nil {
			return err
		}
	}
	return nil
}

func keyword(s map[string]any, key string, arg, v any, at string) error {
	switch key {
	case "$schema", "$id", "$defs", "title", "description":
	case "$ref":
		name := strings.TrimPrefix(arg.(string), "#/$defs/")
		def, ok := schema()["$defs"].(map[string]any)[name].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: schema refers to %v", at, arg)
		}
		return check(def, v, at)
	case "oneOf":
		return oneOf(arg.([]any), v, at)
	case "type":
		if got := typeOf(v); got != arg && (arg != "number" || got != "integer") {
			return fmt.Errorf("%s: %s, want %v", at, got, arg)
		}
	case "const":
		if !equal(arg, v) {
			return fmt.Errorf("%s: %v, want %v", at, v, arg)
		}
	case "enum":
		for _, e := range arg.([]any) {
			if equal(e, v) {
				return nil
			}
		}
		return fmt.Errorf("%s: %v is none of %v", at, v, arg)
	case "pattern":
		if str, ok := v.(string); ok && !pattern(arg.(string)).MatchString(str) {
			return fmt.Errorf("%s: %q does not match %v", at, str, arg)
		}
	case "minimum", "maximum":
		n, ok := v.(json.Number)
		if !ok {
			return nil
		}
		f, err := n.Float64()
		if limit := arg.(float64); err != nil || key == "minimum" && f < limit || key == "maximum" && f > limit {
			return fmt.Errorf("%s: %v is beyond the %s %v", at, n, key, limit)
		}
	case "items":
		for i, item := range asArray(v) {
			if err := check(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "required":
		for _, k := range arg.([]any) {
			if _, ok := asObject(v)[k.(string)]; !ok {
				return fmt.Errorf("%s: %v is missing", at, k)
			}
		}
	case "properties":
		for k, sub := range arg.(map[string]any) {
			if val, ok := asObject(v)[k]; ok {
				if err := check(sub.(map[string]any), val, at+"."+k); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		known := s["properties"].(map[string]any)
		for k := range asObject(v) {
			if _, ok := known[k]; !ok && arg == false {
				return fmt.Errorf("%s: unexpected key %q", at, k)
			}
		}
	default:
		return fmt.Errorf("%s: schema keyword %q is not checked", at, key)
	}
	return nil
}

func oneOf(alternatives []any, v any, at string) error {
	matches, why := 0, []string{}
	for _, alt := range alternatives {
		if err := check(alt.(map[string]any), v, at); err != nil {
			why = append(why, err.Error())
		} else {
			matches++
		}
	}
	if matches != 1 {
		return fmt.Errorf("%s: %d of %d alternatives fit (%s)", at, matches, len(alternatives), strings.Join(why, "; "))
	}
	return nil
}

func asArray(v any) []any           { a, _ := v.([]any); return a }
func asObject(v any) map[string]any { o, _ := v.(map[string]any); return o }

func typeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	}
	return "null"
}

func equal(want, got any) bool {
	if n, ok := got.(json.Number); ok {
		f, err := n.Float64()
		return err == nil && want == f
	}
	return reflect.DeepEqual(want, got)
}

var patterns sync.Map

func pattern(s string) *regexp.Regexp {
	if re, ok := patterns.Load(s); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(s)
	patterns.Store(s, re)
	return re
}
