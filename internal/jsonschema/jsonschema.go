// SPDX-License-Identifier: Apache-2.0

// Package jsonschema checks documents against the schemas in docs/schema, for
// tests. It knows the part of JSON Schema those use, and refuses a schema with
// any other keyword instead of passing over it.
package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Schema is a schema with the definitions it refers to.
type Schema struct {
	root map[string]any
	defs map[string]any

	dir   string             // where the files are that it refers to
	files map[string]*Schema // those read so far; nil for a schema without a file
	mu    sync.Mutex

	patterns sync.Map // compiled expressions by their text
}

// Load reads a schema file. It may refer to definitions in other files of the
// same directory.
func Load(path string) (*Schema, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.dir, s.files = filepath.Dir(path), map[string]*Schema{}
	return s, nil
}

// Parse reads a schema.
func Parse(raw []byte) (*Schema, error) {
	var s Schema
	if err := json.Unmarshal(raw, &s.root); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	s.defs, _ = s.root["$defs"].(map[string]any)
	return &s, nil
}

// Check tells whether one JSON document follows the schema.
func (s *Schema) Check(doc []byte) error {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	if d.More() {
		return fmt.Errorf("read document: more than one value")
	}
	return s.check(s.root, v, "$")
}

func (s *Schema) check(rule map[string]any, v any, at string) error {
	for _, key := range slices.Sorted(maps.Keys(rule)) {
		if err := s.keyword(rule, key, v, at); err != nil {
			return err
		}
	}
	return nil
}

// keyword applies one keyword. What is wrong with the schema itself panics or
// is reported like a fault of the document: both fail the test.
func (s *Schema) keyword(rule map[string]any, key string, v any, at string) error {
	arg := rule[key]
	switch key {
	case "$schema", "$id", "$defs", "title", "description":
	case "$ref":
		in, def, err := s.definition(arg.(string))
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		return in.check(def, v, at)
	case "oneOf":
		return s.oneOf(arg.([]any), v, at)
	case "type":
		if got := typeOf(v); got != arg && (arg != "number" || got != "integer") {
			return fmt.Errorf("%s: %s, want %v", at, got, arg)
		}
	case "const":
		if !equal(arg, v) {
			return fmt.Errorf("%s: %v, want %v", at, v, arg)
		}
	case "enum":
		if !slices.ContainsFunc(arg.([]any), func(want any) bool { return equal(want, v) }) {
			return fmt.Errorf("%s: %v is none of %v", at, v, arg)
		}
	case "pattern":
		if text, ok := v.(string); ok && !s.pattern(arg.(string)).MatchString(text) {
			return fmt.Errorf("%s: %q does not match %v", at, text, arg)
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
	case "minProperties", "maxProperties":
		o, ok := v.(map[string]any)
		if n, limit := len(o), int(arg.(float64)); ok && (key == "minProperties" && n < limit || key == "maxProperties" && n > limit) {
			return fmt.Errorf("%s: %d members are beyond %s %d", at, n, key, limit)
		}
	default:
		return s.inside(rule, key, v, at)
	}
	return nil
}

// definition finds what #/$defs/NAME or FILE#/$defs/NAME refers to, and the
// schema it is part of.
func (s *Schema) definition(ref string) (*Schema, map[string]any, error) {
	file, name, _ := strings.Cut(ref, "#")
	in := s
	if file != "" {
		var err error
		if in, err = s.file(file); err != nil {
			return nil, nil, err
		}
	}
	def, ok := in.defs[strings.TrimPrefix(name, "/$defs/")].(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("the schema refers to %s, which it lacks", ref)
	}
	return in, def, nil
}

// file reads another schema of the same directory once.
func (s *Schema) file(name string) (*Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.files[name]; other != nil {
		return other, nil
	}
	if s.files == nil || name != filepath.Base(name) {
		return nil, fmt.Errorf("the schema refers to %s, which is not beside it", name)
	}
	other, err := Load(filepath.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	s.files[name] = other
	return other, nil
}

// inside applies the keywords about what an array or an object holds.
func (s *Schema) inside(rule map[string]any, key string, v any, at string) error {
	list, _ := v.([]any)
	object, _ := v.(map[string]any)
	switch arg := rule[key]; key {
	case "items":
		for i, item := range list {
			if err := s.check(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "required":
		for _, name := range arg.([]any) {
			if _, ok := object[name.(string)]; !ok && object != nil {
				return fmt.Errorf("%s: %v is missing", at, name)
			}
		}
	case "properties":
		for name, sub := range arg.(map[string]any) {
			if member, ok := object[name]; ok {
				if err := s.check(sub.(map[string]any), member, at+"."+name); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		known, _ := rule["properties"].(map[string]any)
		for name := range object {
			if _, ok := known[name]; !ok && arg == false {
				return fmt.Errorf("%s: unexpected member %q", at, name)
			}
		}
	default:
		return fmt.Errorf("%s: the schema's keyword %q is not checked here", at, key)
	}
	return nil
}

func (s *Schema) oneOf(alternatives []any, v any, at string) error {
	matches, why := 0, []string{}
	for _, alt := range alternatives {
		if err := s.check(alt.(map[string]any), v, at); err != nil {
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

// pattern compiles an expression once: fuzzing checks many documents.
func (s *Schema) pattern(expr string) *regexp.Regexp {
	if re, ok := s.patterns.Load(expr); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(expr)
	s.patterns.Store(expr, re)
	return re
}

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
