// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for path, mode := range map[string]os.FileMode{
		filepath.Join(a, "both"): 0o644, filepath.Join(b, "both"): 0o755,
		filepath.Join(a, "plain"): 0o644, filepath.Join(b, "prog"): 0o755,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	search := a + ":" + b + ":/no/such/dir"
	for _, c := range []struct {
		name, want string
		exit       int
	}{
		{"prog", filepath.Join(b, "prog"), 0},
		{"both", filepath.Join(b, "both"), 0},
		{"plain", "", 126},
		{"missing", "", 127},
		{"", "", 127},
		{"./b/prog", filepath.Join(dir, "b/prog"), 0},
		{"b/prog", filepath.Join(dir, "b/prog"), 0},
		{filepath.Join(a, "plain"), "", 126},
		{a, "", 126},
		{a + "/plain/x", "", 127},
		{a + "/nothing", "", 127},
	} {
		path, status := lookup(c.name, search, dir)
		if path != c.want || status.Exit != c.exit || (c.exit == 0) != (status.Message == "") {
			t.Errorf("lookup(%q) = %q, %+v", c.name, path, status)
		}
		if strings.Count(status.Message, "\n") > 0 {
			t.Errorf("lookup(%q): message of several lines", c.name)
		}
	}
}

func TestWanted(t *testing.T) {
	t.Setenv("DPLAB_RUN", "/x")
	if Wanted() {
		t.Error("a process that is not the first one takes itself for init")
	}
}
