// SPDX-License-Identifier: Apache-2.0

//go:build linux

package upstream

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindTools(t *testing.T) {
	for name, want := range map[string]string{"python": "python", "ours": "ours", "both": "python ours"} {
		tools, err := FindTools(name, "/somewhere/ovs-dpctl")
		var got []string
		for _, tool := range tools {
			got = append(got, tool.Name)
			if tool.Name == "ours" && tool.Programs[oursName] != "/somewhere/ovs-dpctl" {
				t.Errorf("%s: %+v", name, tool)
			}
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := FindTools("perl", ""); !errors.Is(err, ErrUnknownTool) || !strings.Contains(err.Error(), "(there are: python, ours, both)") {
		t.Errorf("perl: %v", err)
	}
}

// TestOurPython: in the place of Python is a program that takes the calls of its
// tool, in the ways the suite has of them, and no others.
func TestOurPython(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"python3": oursPython, oursName: "#!/bin/sh\necho \"${0##*/} $# $*\""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"ovs-dpctl.py", "show", "nv0"}, "ovs-dpctl.py 2 show nv0\n", 0},
		{[]string{"/a b/ovs-dpctl.py", "add-flow", "d", "in_port(1), eth()", ""}, "ovs-dpctl.py 4 add-flow d in_port(1), eth() \n", 0},
		{[]string{"-c", "print(1)"}, "", 127},
		{[]string{"other.py", "ovs-dpctl.py"}, "", 127},
		{nil, "", 127},
	} {
		cmd := exec.Command(filepath.Join(dir, "python3"), tt.args...)
		out, err := cmd.Output()
		status := 0
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			status = e.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if string(out) != tt.want || status != tt.status {
			t.Errorf("%q: status %d, %q", tt.args, status, out)
		}
	}
}
