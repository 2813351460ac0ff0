// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// tree makes a small root whose links lead to where they do in one.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "usr/local/bin", "tmp", "run/lock", "var"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"bin": "usr/bin", "var/run": "/run", "var/lock": "/run/lock", "loop": "loop", "away": "../../../../etc/passwd",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "usr/bin/sh"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestHas(t *testing.T) {
	root := tree(t)
	for path, want := range map[string]bool{
		"/": true, "/bin/sh": true, "/usr/bin": true, "/var/run": true, "/var/lock": true, "/var/run/lock": true,
		"/var/run/dplab": false, "/usr/bin/zsh": false, "/work": false, "/bin/sh/x": false,
		// Where it leads nobody can tell.
		"/loop": true,
		// The host has it, the tree has not.
		"/away": false, "/etc/passwd": false,
	} {
		if got := has(root, path); got != want {
			t.Errorf("has(%s) = %v", path, got)
		}
	}
	if has(filepath.Join(root, "missing"), "/") {
		t.Error("a missing tree has a root")
	}
}

func TestExpose(t *testing.T) {
	root := tree(t)
	for _, c := range []struct {
		name, helper, command, tree string
		want                        string
	}{
		{"plain", "/work/bin/dplab", "ls", "", "/work/bin"},
		{"built in /tmp", "/work/bin/dplab", "/tmp/x/prog", "", "/work/bin /tmp/x"},
		{"right in /tmp", "/tmp/dplab", "/tmp/prog", "", "/tmp/dplab /tmp/prog"},
		{"relative", "/work/bin/dplab", "./prog", "", "/work/bin /cwd"},
		{"suite: own directory", "/work/bin/dplab", "ls", root, "/work/bin"},
		{"suite: its command", "/work/bin/dplab", "/bin/sh", root, "/work/bin"},
		{"suite: command elsewhere", "/work/bin/dplab", "/opt/x/prog", root, "/work/bin /opt/x"},
		{"suite: command among its own", "/work/bin/dplab", "/usr/local/bin/prog", root, "/work/bin /usr/local/bin/prog"},
		{"suite: right in /tmp", "/tmp/x/dplab", "/tmp/prog", root, "/tmp/x /tmp/prog"},
		{"suite: relative", "/work/bin/dplab", "./prog", root, "/work/bin /cwd"},
	} {
		got := expose(c.helper, []string{c.command}, "/cwd", c.tree)
		if diff := cmp.Diff(strings.Fields(c.want), got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
	// Among the suite's programs ours are shown, and nothing else of the host.
	installed := expose("/usr/bin/dplab", nil, "/cwd", root)
	if slices.Contains(installed, "/usr/bin") || !slices.Contains(installed, "/usr/bin/dplab") || !slices.Contains(installed, "/usr/bin/tc-sample") {
		t.Errorf("installed: %v", installed)
	}
}

// TestExposeCannotTell has a kernel that cannot say what the tree has: nothing
// of the suite's may be covered then.
func TestExposeCannotTell(t *testing.T) {
	root := tree(t)
	defer func(f func(int, string, *unix.OpenHow) (int, error)) { openat2 = f }(openat2)
	for _, errno := range []syscall.Errno{unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EMFILE, unix.EAGAIN} {
		openat2 = func(int, string, *unix.OpenHow) (int, error) { return -1, errno }
		got := expose("/usr/bin/dplab", []string{"/usr/local/bin/prog"}, "/cwd", root)
		if slices.Contains(got, "/usr/bin") || slices.Contains(got, "/usr/local/bin") || !slices.Contains(got, "/usr/bin/dplab") {
			t.Errorf("%v: %v", errno, got)
		}
	}
}
