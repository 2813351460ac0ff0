// SPDX-License-Identifier: Apache-2.0

package modmix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/modtree"
)

// ours are the modules the patches change.
var ours = []string{"psample", "act_sample", "openvswitch"}

// tree is the running kernel's module directory.
type tree struct {
	dir string
	// deps lists each module file with all it depends on, from modules.dep.
	deps map[string][]string
}

func openTree(t *testing.T) tree {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	tr := tree{dir: filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:])), deps: map[string][]string{}}
	text, err := os.ReadFile(filepath.Join(tr.dir, "modules.dep"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if file, deps, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			tr.deps[file] = strings.Fields(deps)
		}
	}
	return tr
}

// file finds a module below one of the tree's directories: updates for ours,
// where modprobe looks first, or kernel.
func (tr tree) file(t *testing.T, below, name string) string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(tr.dir, below), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() == name+".ko" {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("module %s below %s/%s: %v, %v", name, tr.dir, below, found, err)
	}
	return found[0]
}

// users are the modules outside of updates that need one of these of ours.
func (tr tree) users(t *testing.T, names ...string) []string {
	t.Helper()
	needed := map[string]bool{}
	for _, name := range names {
		rel, err := filepath.Rel(tr.dir, tr.file(t, "updates", name))
		if err != nil {
			t.Fatal(err)
		}
		needed[rel] = true
	}
	var users []string
	for file, deps := range tr.deps {
		if strings.HasPrefix(file, "updates/") {
			continue
		}
		for _, d := range deps {
			if needed[d] {
				users = append(users, modtree.Name(file))
				break
			}
		}
	}
	slices.Sort(users)
	return users
}

// insert loads one module file, without what it depends on.
func insert(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.FinitModule(fd, "", 0)
}

func loaded(name string) bool {
	state, err := os.ReadFile("/sys/module/" + name + "/initstate")
	return err == nil && strings.TrimSpace(string(state)) == "live"
}

// outOfTree tells whether a loaded module was built out of tree, as ours are.
func outOfTree(name string) bool {
	taint, err := os.ReadFile("/sys/module/" + name + "/taint")
	return err == nil && strings.Contains(string(taint), "O")
}

// remove unloads modules, in an order that works. What devices and namespaces
// hold goes away in the background.
func remove(t *testing.T, names ...string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var busy []string
		for _, name := range names {
			err := unix.DeleteModule(name, unix.O_NONBLOCK)
			switch {
			case err == nil || errors.Is(err, unix.ENOENT):
			case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EBUSY):
				busy = append(busy, name)
			default:
				t.Fatalf("unload %s: %v", name, err)
			}
		}
		if len(busy) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("modules %v are still in use", busy)
		}
		if len(busy) == len(names) {
			time.Sleep(20 * time.Millisecond)
		}
		names = busy
	}
}

// run runs a program and gives its status and all it printed.
func run(argv ...string) (int, string) {
	cmd := exec.Command(argv[0], argv[1:]...)
	out, err := cmd.CombinedOutput()
	var ee *exec.ExitError
	switch {
	case err == nil:
		return 0, string(out)
	case errors.As(err, &ee):
		return ee.ExitCode(), string(out)
	}
	return -1, fmt.Sprintf("%s%v", out, err)
}

func must(t *testing.T, argv ...string) {
	t.Helper()
	if status, out := run(argv...); status != 0 {
		t.Fatalf("%v: status %d: %s", argv, status, out)
	}
}
