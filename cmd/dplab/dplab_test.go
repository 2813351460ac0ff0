// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), newCommand(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

func TestUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{}, {"nonsense"}, {"run"}, {"run", "--"}, {"run", "--kernel", "2.4", "true"}, {"run", "--mem", "x", "true"},
		{"run", "--mem", "1M", "true"}, {"run", "--timeout", "-1s", "true"}, {"run", "--env", "=x", "true"},
		{"run", "--bogus", "true"}, {"shell", "arg"}, {"build", "2.4"}, {"build", "host"}, {"list", "x"}, {"clean", "x"}, {"doctor", "x"}, {"doctor", "--root"},
		{"run", "--suite", "potato", "true"}, {"shell", "--suite", "potato"},
		{"run", "--vm", "vmware", "true"}, {"run", "--vm", "", "true"}, {"build", "--vm", "x"}, {"build", "--vm", "qemu", "2.4"},
		{"run", "--smp", "2", "true"}, {"run", "--vm", "uml", "--smp", "2", "true"}, {"run", "--vm", "qemu", "--smp", "0", "true"},
		{"run", "--vm", "qemu", "--smp", "-1", "true"}, {"run", "--vm", "qemu", "--smp", "1000", "true"},
		{"run", "--vm", "qemu", "--mem", "64M", "true"},
	} {
		code, out, errs := run(t, args...)
		if code != cli.ExitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "dplab: ") {
			t.Errorf("%v: status %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}

// TestSMP wants to be told why, not only that.
func TestSMP(t *testing.T) {
	if _, _, errs := run(t, "run", "--smp", "2", "true"); !strings.Contains(errs, "without SMP") || !strings.Contains(errs, "--vm qemu") {
		t.Error(errs)
	}
	if _, _, errs := run(t, "run", "--vm", "qemu", "--smp", "0", "true"); !strings.Contains(errs, ": 0 (1 to 64)") {
		t.Error(errs)
	}
}

func TestMemory(t *testing.T) {
	for text, want := range map[string]int64{
		"512M": 512 << 20, "1g": 1 << 30, "134217728": 128 << 20, "131072K": 128 << 20,
		"": 0, "M": 0, "-1G": 0, "63M": 0, "1T": 0, "99999999G": 0, "1.5G": 0, "9223372036854775807": 0,
	} {
		var m memory
		err := m.Set(text)
		if (err == nil) != (want != 0) || int64(m) != want {
			t.Errorf("Set(%q) = %d, %v", text, m, err)
		}
	}
}

func TestListForms(t *testing.T) {
	code, out, _ := run(t, "list")
	if code != 0 || !strings.HasPrefix(out, "NAME ") || !strings.Contains(out, "6.1-dpscope") || !strings.Contains(out, "not built yet") ||
		!strings.Contains(out, "\nSUITE ") || !strings.Contains(out, "\ntrixie ") {
		t.Errorf("list: status %d\n%s", code, out)
	}
	code, out, _ = run(t, "list", "-j")
	var list struct {
		Schema string `json:"schema"`
		Items  []map[string]any
		Suites []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || strings.Count(out, "\n") != 1 {
		t.Fatalf("list -j: status %d, %v\n%s", code, err, out)
	}
	if list.Schema != "dplab-kernels/1" || len(list.Items) < 2 || len(list.Suites) < 3 {
		t.Errorf("list -j: %s", out)
	}
	for _, item := range list.Items {
		for _, field := range []string{"name", "vm", "built", "size_bytes", "source"} {
			if _, ok := item[field]; !ok {
				t.Errorf("list -j: %v has no %s", item["name"], field)
			}
		}
	}
}

func TestCleanOfNothing(t *testing.T) {
	if code, out, errs := run(t, "clean"); code != 0 || out != "" || !strings.Contains(errs, "freed 0 MB") {
		t.Errorf("clean: status %d, %q, %q", code, out, errs)
	}
}
