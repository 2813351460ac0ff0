// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/internal/jsonschema"
)

// stream is a short run as text.
func stream(t testing.TB) string {
	t.Helper()
	r := perfect(t, "a", TruncKeep, 1, 3)
	var b bytes.Buffer
	w, err := NewWriter(&b, r.Header)
	for i := 0; err == nil && i < len(r.Results); i++ {
		err = w.Write(r.Results[i])
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReadBack(t *testing.T) {
	want := perfect(t, "a", TruncKeep, 1, 30)
	got := again(t, want)
	for i := range got.Results {
		for k, p := range got.Results[i].Paths {
			for n, set := range p.Packets {
				if d := cmp.Diff(setOf(want.Results[i].Paths[k].Packets[n]).keys(), setOf(set).keys()); d != "" {
					t.Errorf("list %d:\n%s", i, d)
				}
			}
		}
	}
	if got.Name() != "a" || got.Seed != 1 || len(got.Results) != 30 {
		t.Errorf("%+v", got.Header)
	}
}

func TestReadRefuses(t *testing.T) {
	good := stream(t)
	lines := strings.SplitAfter(good, "\n")
	for _, tt := range []struct{ what, text, want string }{
		{"nothing", "", "breaks off after 0 of 0 lists"},
		{"no end", strings.Join(lines[:4], ""), "breaks off after 3 of 3 lists"},
		{"a list missing", lines[0] + lines[1] + lines[3] + lines[4], "list 2 where 1"},
		{"a list twice", lines[0] + lines[1] + lines[1], "list 0 where 1"},
		{"more after the end", good + lines[1], "more after the end"},
		{"an early end", lines[0] + lines[1] + lines[4], "1 lists, 3 announced"},
		{"no header", lines[1], "unknown field"},
		{"another version", strings.Replace(good, `"v":1`, `"v":2`, 1), "version 2"},
		{"a trunc nobody has", strings.Replace(good, `"trunc":"keep"`, `"trunc":"x"`, 1), `trunc "x"`},
		{"a billion lists", strings.Replace(good, `"count":3`, `"count":1000000000`, 1), "not between"},
		{"a line of rubbish", lines[0] + "rubbish\n", "invalid character"},
		{"a line of another kind", lines[0] + `{"type":"x"}` + "\n", `line of type "x"`},
		{"an unknown field", strings.Replace(good, `"actions"`, `"x"`, 1), "unknown field"},
		{"two objects on a line", lines[0] + strings.TrimSpace(lines[1]) + lines[2], "invalid character"},
		{"an endless line", lines[0] + strings.Repeat("x", maxLine+1), "too long"},
	} {
		_, err := Read(strings.NewReader(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.what, err, tt.want)
		}
	}
}

// TestStreamFollowsTheSchema: every line that is written.
func TestStreamFollowsTheSchema(t *testing.T) {
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", "selftests-parity.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := perfect(t, "6.1-dpscope", TruncCut, 1, testLists)
	r.VM, r.Recirc = "uml", map[uint32]string{1: "EINVAL"}
	var b bytes.Buffer
	w, err := NewWriter(&b, r.Header)
	for i := 0; err == nil && i < len(r.Results); i++ {
		err = w.Write(r.Results[i])
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b.Bytes()) {
		if err := s.Check(line); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
	}
}

// FuzzRead: whatever comes is refused or can be judged.
func FuzzRead(f *testing.F) {
	good := stream(f)
	f.Add([]byte(good))
	f.Add([]byte(good[:len(good)/2]))
	f.Add([]byte(strings.Replace(good, `"packets"`, `"errno"`, 1)))
	f.Add([]byte(`{"type":"parity","v":1,"seed":0,"from":0,"count":1,"kernel":"","trunc":"cut"}` + "\n" + `{"type":"end","lists":0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(r.Results) != r.Count {
			t.Fatalf("%d results of %d", len(r.Results), r.Count)
		}
		if j, err := Judge([]Run{r}); err == nil {
			_ = j.Summary([]Run{r}, true)
		}
	})
}
