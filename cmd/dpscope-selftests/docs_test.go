// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/cases"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/matrix"
)

const kernelsDoc = "../../docs/kernels.md"

func docBlock(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(kernelsDoc)
	if err != nil {
		t.Fatal(err)
	}
	text, err := matrix.Block(string(b), name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestDocMatrix: the table in the documentation has exactly the cases there
// are, in their order, and exactly the kernels, and nothing in it failed. What
// the results are can only be found out with the kernels.
func TestDocMatrix(t *testing.T) {
	tables := matrix.Tables(docBlock(t, matrixBlock))
	const again = "make it anew: dpscope-selftests matrix --write docs/kernels.md"
	if len(tables) < 2 {
		t.Fatalf("%d tables, want versions and cases (%s)", len(tables), again)
	}
	var want, got []string
	for _, k := range kernels.All() {
		want = append(want, k.Name+" "+string(k.VM))
	}
	for _, row := range tables[0][1:] {
		got = append(got, row[0]+" "+row[1])
		if slices.Contains(row[2:6], "-") {
			t.Errorf("the versions of %s are missing: %q (%s)", row[0], row, again)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("kernels (%s):\n%s", again, d)
	}
	if d := cmp.Diff(append([]string{"case"}, want...), tables[1][0]); d != "" {
		t.Errorf("columns (%s):\n%s", again, d)
	}
	want, got = nil, nil
	for _, c := range cases.All() {
		want = append(want, c.Name)
	}
	for _, row := range tables[1][1:] {
		got = append(got, row[0])
		for i, cell := range row[1:] {
			if cell != "ok" && !strings.HasPrefix(cell, "skip (") {
				t.Errorf("%s on %s: %s (%s)", row[0], tables[1][0][1+i], cell, again)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("cases (%s):\n%s", again, d)
	}
}

// TestDocDifferences: the table in the documentation is that in the code.
func TestDocDifferences(t *testing.T) {
	var b strings.Builder
	if err := writeDifferences(&b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Trim(b.String(), "\n"), docBlock(t, differencesBlock)); d != "" {
		t.Errorf("make it anew: dpscope-selftests differences --write docs/kernels.md\n%s", d)
	}
}

// TestMatrixFrom makes the table of reports in files.
func TestMatrixFrom(t *testing.T) {
	dir := t.TempDir()
	report := func(name, kernel, first string) string {
		var b strings.Builder
		b.WriteString("KTAP version 1\n1..")
		all := cases.All()
		b.WriteString(strconv.Itoa(len(all)) + "\n# " + matrix.Origin{Kernel: kernel, VM: "uml", Release: "1.2.3"}.Note() + "\n")
		for i, c := range all {
			if i == 0 {
				b.WriteString(strings.ReplaceAll(first, "NAME", c.Name) + "\n")
				continue
			}
			b.WriteString("ok " + strconv.Itoa(i+1) + " " + c.Name + "\n")
		}
		path := dir + "/" + name
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := report("a", "6.1-dpscope", "ok 1 NAME")
	skip := report("b", "6.12", "ok 1 NAME # SKIP no x: needs y")
	bad := report("c", "6.12", "not ok 1 NAME")
	sid := report("d", "7.2", "not ok 1 NAME")
	other := dir + "/e"
	if err := os.WriteFile(other, []byte("KTAP version 1\n1..1\nok 1 parity@6.12/uml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := cases.All()[0].Name
	for _, tt := range []struct {
		files  []string
		status int
		want   []string
	}{
		{[]string{skip, good, other}, 0, []string{first, "6.1-dpscope uml  6.12 uml\n", "skip (1)", "(1) no x: needs y", "parity"}},
		{[]string{good, bad}, 1, []string{"FAIL", "1 FAIL"}},
		{[]string{good, sid}, 0, []string{"FAIL"}},
		{[]string{other}, 1, []string{"not run"}},
	} {
		status, out, errs := run(t, append([]string{"matrix", "--from"}, tt.files...)...)
		if status != tt.status || errs != "" {
			t.Errorf("%q: status %d, stderr %q", tt.files, status, errs)
		}
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%q: no %q in\n%s", tt.files, want, out)
			}
		}
	}
	for _, args := range [][]string{{"matrix", "--from", good, good}, {"matrix", "--from", dir + "/none"}, {"matrix", "--from", kernelsDoc}} {
		if status, _, errs := run(t, args...); status != 1 || errs == "" {
			t.Errorf("%q: status %d, stderr %q", args, status, errs)
		}
	}
	_, out, _ := run(t, "matrix", "-j", "--from", good, skip, sid, other)
	followsSchema(t, "selftests-matrix", out)
	doc := dir + "/doc.md"
	if err := os.WriteFile(doc, []byte("x\n<!-- matrix: -->\n<!-- end of matrix -->\ny\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := run(t, "matrix", "--from", good, "--write", doc); status != 0 {
		t.Errorf("status %d, stderr %q", status, errs)
	}
	b, err := os.ReadFile(doc)
	if err != nil || !strings.Contains(string(b), "| "+first+" | ok |\n") || !strings.HasSuffix(string(b), "<!-- end of matrix -->\ny\n") {
		t.Errorf("%v\n%s", err, b)
	}
}

func followsSchema(t *testing.T, name, doc string) {
	t.Helper()
	s, err := jsonschema.Load("../../docs/schema/" + name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check([]byte(doc)); err != nil {
		t.Errorf("%v in %s", err, doc)
	}
}

func TestDifferences(t *testing.T) {
	for _, args := range [][]string{{"differences"}, {"differences", "-j"}, {"differences", "-p"}} {
		status, out, errs := run(t, args...)
		if len(args) > 1 {
			followsSchema(t, "selftests-differences", out)
		}
		if status != 0 || errs != "" {
			t.Errorf("%q: status %d, stderr %q", args, status, errs)
		}
		for _, d := range cases.KnownDifferences {
			if !strings.Contains(out, "known-"+d.Name) {
				t.Errorf("%q: no %s", args, d.Name)
			}
		}
	}
	// Case names are what a row is called.
	if !slices.ContainsFunc(cases.All(), func(c selftests.Case) bool { return c.Name == "known-"+cases.KnownDifferences[0].Name }) {
		t.Error("the names of rows are not those of cases")
	}
}

// TestDocTools: the tables of the kernel's suite with both tools have what is
// claimed of them: what passes with the Python tool passes with ours, in at most
// half of the time. What the results are can only be found out with the kernels.
func TestDocTools(t *testing.T) {
	doc, err := os.ReadFile("../../docs/kselftest-dialect.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, tests := range map[string]int{"upstream 6.12 on 6.12": 9, "upstream 7.2 on 7.2": 15} {
		text, err := matrix.Block(string(doc), name)
		if err != nil {
			t.Fatal(err)
		}
		tables := matrix.Tables(text)
		if len(tables) != 1 || len(tables[0]) != tests+2 {
			t.Errorf("%s: no table of %d tests: %q", name, tests, tables)
			continue
		}
		for _, row := range tables[0][1:] {
			if len(row) != 6 {
				t.Errorf("%s: %q", name, row)
			} else if row[1] != row[3] || row[1] == "FAIL" {
				t.Errorf("%s: %s: %s with one and %s with the other", name, row[0], row[1], row[3])
			} else if ratio, err := strconv.ParseFloat(strings.Trim(row[5], "*"), 64); strings.HasPrefix(row[0], "**") && (err != nil || ratio <= 0 || ratio > 0.5) {
				t.Errorf("%s: the whole takes %s of the time", name, row[5])
			}
		}
	}
}
