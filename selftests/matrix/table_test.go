// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/selftests/ktap"
)

// logOf is a report of a kernel.
func logOf(kernel string, tests ...ktap.Test) ktap.Report {
	return ktap.Report{Notes: []string{Origin{Kernel: kernel, VM: "uml", Release: kernel + ".9", Compiler: "gcc 12", CPUs: "1"}.Note()}, Tests: tests}
}

func column(kernel string) Column { return Column{Origin: Origin{Kernel: kernel, VM: "uml"}} }

func sample(t *testing.T) *Table {
	t.Helper()
	moving := column("7.2")
	moving.Informs, moving.Packages = true, "user-mode-linux 7.2um1"
	table := New([]Group{{Title: "case", Tests: []string{"a", "b", "c"}}}, []Column{column("6.1"), moving})
	for _, l := range []ktap.Report{
		logOf("7.2", ktap.Test{Name: "a", Status: ktap.Passed}, ktap.Test{Name: "b", Status: ktap.Failed}, ktap.Test{Name: "c", Status: ktap.Passed}),
		logOf("6.1", ktap.Test{Name: "a", Status: ktap.Passed}, ktap.Test{Name: "b", Status: ktap.Skipped, Reason: "no b: needs | 6.11"}, ktap.Test{Name: "c", Status: ktap.Skipped, Reason: "no b: needs | 6.11"}),
		{Tests: []ktap.Test{
			{Name: At("parity", "6.1", "uml"), Status: ktap.Passed},
			{Name: At("parity", "7.2", "uml"), Status: ktap.Expected, Reason: "it moves"},
		}},
	} {
		if err := table.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	return table
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	if err := sample(t).WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	want := `| kernel | vm | processors | release | made of | kernel's compiler | modules' compiler |
|---|---|---|---|---|---|---|
| 6.1 | uml | 1 | 6.1.9 | - | gcc 12 | - |
| 7.2 | uml | 1 | 7.2.9 | user-mode-linux 7.2um1 | gcc 12 | - |

| case | 6.1 uml | 7.2 uml |
|---|---|---|
| a | ok | ok |
| b | skip (1) | FAIL |
| c | skip (1) | ok |

| other reports | 6.1 uml | 7.2 uml |
|---|---|---|
| parity | ok | xfail (2) |

* 6.1 with uml: 2 ok, 2 skip
* 7.2 with uml: 2 ok, 1 FAIL, 1 xfail

* (1) no b: needs \| 6.11
* (2) it moves
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	tables := Tables(b.String())
	if len(tables) != 3 || tables[1][2][0] != "b" || tables[1][2][1] != "skip (1)" || len(tables[1]) != 4 {
		t.Errorf("%q", tables)
	}
}

func TestText(t *testing.T) {
	var b strings.Builder
	if err := sample(t).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"KERNEL  VM   PROCESSORS  RELEASE", "CASE  6.1 uml   7.2 uml\n", "b     skip (1)  FAIL\n", "6.1 with uml: 2 ok, 2 skip\n", "(1) no b: needs | 6.11\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}

// TestOK: what does not gate may fail; what gates must have run.
func TestOK(t *testing.T) {
	if !sample(t).OK() {
		t.Error("a failure of a kernel that informs counts")
	}
	groups := []Group{{Title: "case", Tests: []string{"a"}}}
	for what, l := range map[string]ktap.Report{
		"a failure":      logOf("6.1", ktap.Test{Name: "a", Status: ktap.Failed}),
		"a missing test": logOf("6.1", ktap.Test{Name: "z", Status: ktap.Passed}),
	} {
		table := New(groups, []Column{column("6.1")})
		if err := table.Add(l); err != nil {
			t.Fatal(err)
		}
		if table.OK() {
			t.Errorf("%s does not count", what)
		}
	}
	table := New(groups, []Column{column("6.1")})
	if table.OK() {
		t.Error("a kernel without results is good")
	}
	if err := table.Add(logOf("6.1", ktap.Test{Name: "a", Status: ktap.Passed})); err != nil || !table.OK() {
		t.Errorf("%v, OK %v", err, table.OK())
	}
	table.SetTrouble("6.1", "uml", "no kernel")
	if table.OK() {
		t.Error("trouble does not count")
	}
}

func TestAddRefuses(t *testing.T) {
	table := sample(t)
	if err := table.Add(ktap.Report{Tests: []ktap.Test{{Name: "a"}}}); !errors.Is(err, ErrNoOrigin) {
		t.Errorf("a report of nothing: %v", err)
	}
	if err := table.Add(logOf("6.1", ktap.Test{Name: "a", Status: ktap.Passed})); err == nil || !strings.Contains(err.Error(), "two results") {
		t.Errorf("a second report: %v", err)
	}
	// A kernel nobody named gets a column behind the others.
	if err := table.Add(logOf("5.10", ktap.Test{Name: "a", Status: ktap.Passed})); err != nil {
		t.Error(err)
	}
	cells := table.Cells()
	if got := cells[2]; got != (Cell{"case", "a", "5.10", "uml", ktap.Passed, ""}) {
		t.Errorf("%+v", got)
	}
}

// TestOwnGroup: reports that name their tests get a group, and their tests may
// be called as others are.
func TestOwnGroup(t *testing.T) {
	table := sample(t)
	r := logOf("6.1", ktap.Test{Name: "a", Status: ktap.Failed})
	r.Notes = []string{Origin{Kernel: "6.1", VM: "uml", Tests: "upstream 6.12"}.Note()}
	if err := table.Add(r); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := table.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "| upstream 6.12 | 6.1 uml | 7.2 uml |\n|---|---|---|\n| a | FAIL | - |\n") || table.OK() {
		t.Errorf("%s", &b)
	}
	if !strings.Contains(b.String(), "| 6.1 | uml | 1 | 6.1.9 |") {
		t.Errorf("the versions of the first report are gone:\n%s", &b)
	}
}

func TestBlock(t *testing.T) {
	const doc = "before\n<!-- m: made by x -->\nold\n<!-- end of m -->\nafter\n"
	got, err := ReplaceBlock(doc, "m", "new\n")
	if err != nil || got != "before\n<!-- m: made by x -->\n\nnew\n\n<!-- end of m -->\nafter\n" {
		t.Errorf("%q, %v", got, err)
	}
	if again, err := ReplaceBlock(got, "m", "new"); err != nil || again != got {
		t.Errorf("%q, %v", again, err)
	}
	if text, err := Block(got, "m"); err != nil || text != "new" {
		t.Errorf("%q, %v", text, err)
	}
	for _, bad := range []string{"", "<!-- m: x", "<!-- m: x -->\nold", "<!-- n: x -->\n<!-- end of n -->"} {
		if _, err := ReplaceBlock(bad, "m", "x"); !errors.Is(err, ErrNoBlock) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
