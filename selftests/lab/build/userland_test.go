// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/selftests/lab/apt"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

func TestUserland(t *testing.T) {
	f, s := newFakeSuite(t), find(t, "trixie")
	if _, err := f.Cache.LoadUserland(s.Name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("LoadUserland of nothing: %v", err)
	}
	first, err := f.ReadyUserland(t.Context(), s)
	if err != nil {
		t.Fatalf("%v\n%s", err, f.log.String())
	}
	if first.OpenVSwitch != "3.5.0" || first.Count != len(s.Packages())+1 || first.Size == 0 || f.runs != 1 {
		t.Errorf("%+v after %d runs", first, f.runs)
	}
	var left []string
	entries, _ := os.ReadDir(first.Dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{completeName, "root"}, left); diff != "" {
		t.Error(diff)
	}
	loaded, err := f.Cache.LoadUserland(s.Name)
	if diff := cmp.Diff(first, loaded); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}

	// Newer packages are for whoever asks for them, and what a guest uses stays.
	f.offer("3.5.1-1")
	if again, err := f.ReadyUserland(t.Context(), s); err != nil || again.Dir != first.Dir || f.runs != 1 {
		t.Errorf("Ready: %v, %s after %d runs", err, again.Dir, f.runs)
	}
	hold, err := first.Hold()
	if err != nil {
		t.Fatal(err)
	}
	second, err := f.BuildUserland(t.Context(), s)
	if err != nil || second.OpenVSwitch != "3.5.1" || second.Dir == first.Dir || f.runs != 2 {
		t.Errorf("Build: %v, %+v after %d runs", err, second, f.runs)
	}
	if !complete(first.Dir) {
		t.Error("a tree in use was removed")
	}
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
	// Nothing new: nothing to do, but the mirror is asked.
	if same, err := f.BuildUserland(t.Context(), s); err != nil || same != second || f.runs != 2 {
		t.Errorf("Build again: %v, %+v after %d runs", err, same, f.runs)
	}
	f.offer("3.5.2-1")
	if _, err := f.BuildUserland(t.Context(), s); err != nil {
		t.Error(err)
	}
	if dirs := f.dirs(s.Name); len(dirs) != 1 {
		t.Errorf("left: %v", dirs)
	}

	// A mirror that is out of reach costs only the update.
	f.program("apt-get", "echo 'E: no route' >&2; exit 100")
	if _, err := f.ReadyUserland(t.Context(), s); err != nil {
		t.Error(err)
	}
	old := filepath.Join(f.Cache.Root, "apt", "userlands", s.Name, "updated")
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*listAge)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.BuildUserland(t.Context(), s); err == nil || !strings.Contains(f.log.String(), "going on with the lists at hand") {
		t.Errorf("without a mirror: %v\n%s", err, f.log.String())
	}
	if _, err := f.ReadyUserland(t.Context(), s); err != nil {
		t.Error(err)
	}
}

// TestUserlandFails spoils a build in the ways it can go wrong.
func TestUserlandFails(t *testing.T) {
	for _, c := range []struct {
		name, suite string
		prepare     func(*fakeSuite)
		want        string
		unavailable bool
	}{
		{"no lists", "trixie", func(f *fakeSuite) {
			f.program("apt-get", "case \"$*\" in *indextargets*) echo 'Debian|Debian|file:/mirror';; *) echo 'E: no such suite' >&2; exit 100;; esac")
		}, "no such suite", true},
		{"no mirror", "trixie", func(f *fakeSuite) {
			f.program("apt-get", "case \"$*\" in *indextargets*) echo 'Other|Other|file:/mirror';; esac")
		}, "name no Debian archive", true},
		{"package missing", "trixie", func(f *fakeSuite) { f.offer("1", "conntrack") }, "trixie has no conntrack", true},
		{"dependencies", "trixie", func(f *fakeSuite) { f.program("apt-cache", "exit 1") }, "exit status 1", true},
		{"debootstrap", "trixie", func(f *fakeSuite) {
			f.spoil = func(string) error { return errors.New("sh: exit status 1") }
		}, "install packages in a guest: sh: exit status 1", false},
		{"debootstrap of sid", "sid", func(f *fakeSuite) {
			f.spoil = func(string) error { return errors.New("sh: exit status 1") }
		}, "install packages in a guest: sh: exit status 1", true},
		{"nothing packed", "trixie", func(f *fakeSuite) {
			f.Guest = func(context.Context, string, io.Writer, ...string) error { return nil }
		}, "tar: exit status 2", false},
		{"no guest", "trixie", func(f *fakeSuite) { f.Guest = nil }, "install packages: ", false},
		{"no debootstrap", "trixie", func(f *fakeSuite) { hideTool(t, f, "debootstrap") }, "install --no-install-recommends debootstrap", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, s := newFakeSuite(t), find(t, c.suite)
			c.prepare(f)
			_, err := f.ReadyUserland(t.Context(), s)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "build suite "+s.Name+": ") {
				t.Errorf("%v", err)
			}
			if errors.Is(err, ErrUnavailable) != c.unavailable {
				t.Errorf("counts as unavailable: %v: %v", errors.Is(err, ErrUnavailable), err)
			}
			if dirs := f.dirs(s.Name); dirs != nil {
				t.Errorf("left: %v", dirs)
			}
			if why := f.Cache.UserlandFailure(s.Name); (why == "") == (c.name != "no debootstrap") {
				t.Errorf("noted: %q", why)
			}
		})
	}
}

// hideTool leaves only the other programs a userland needs in PATH.
func hideTool(t *testing.T, f *fakeSuite, hidden string) {
	t.Helper()
	defer func(s []string) { t.Cleanup(func() { sbin = s }) }(sbin)
	sbin = nil
	if err := os.Remove(filepath.Join(f.bin, hidden)); err != nil {
		t.Fatal(err)
	}
	for _, tool := range append(append([]tool(nil), fetchTools...), userlandTools...) {
		if path, err := exec.LookPath(tool.program); err == nil && tool.program != hidden {
			_ = os.Symlink(path, filepath.Join(f.bin, tool.program))
		}
	}
	t.Setenv("PATH", f.bin)
}

// TestUserlandOfMovingSuite goes without a package the suite lost.
func TestUserlandOfMovingSuite(t *testing.T) {
	f, s := newFakeSuite(t), find(t, "sid")
	f.offer("4.0.0-1", "bc")
	u, err := f.ReadyUserland(t.Context(), s)
	if err != nil || u.Count != len(s.Packages()) || !strings.Contains(f.log.String(), "WARNING: sid has no bc today") {
		t.Errorf("%v, %+v\n%s", err, u, f.log.String())
	}
}

// TestUserlandInterrupted cuts a build off: nothing is left, and nothing noted.
func TestUserlandInterrupted(t *testing.T) {
	f, s := newFakeSuite(t), find(t, "sid")
	ctx, cancel := context.WithCancel(t.Context())
	f.spoil = func(string) error {
		cancel()
		return ctx.Err()
	}
	_, err := f.ReadyUserland(ctx, s)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if dirs, why := f.dirs(s.Name), f.Cache.UserlandFailure(s.Name); dirs != nil || why != "" {
		t.Errorf("left: %v, noted %q", dirs, why)
	}
	// The next one works, and a note of a failure goes.
	f.spoil = func(string) error { return errors.New("no") }
	if _, err := f.ReadyUserland(t.Context(), s); err == nil || f.Cache.UserlandFailure(s.Name) == "" {
		t.Errorf("%v", err)
	}
	f.spoil = nil
	if _, err := f.ReadyUserland(t.Context(), s); err != nil || f.Cache.UserlandFailure(s.Name) != "" {
		t.Errorf("%v, noted %q", err, f.Cache.UserlandFailure(s.Name))
	}
}

func TestUserlandKey(t *testing.T) {
	seen := map[string]string{}
	for _, s := range suites.All() {
		seen[userlandKey(s)] = s.Name
		if StaleUserland(s, Userland{Key: userlandKey(s)}) != "" {
			t.Errorf("%s: the key is not stable", s.Name)
		}
		if StaleUserland(s, Userland{Key: "x"}) == "" {
			t.Errorf("%s: another key is good, too", s.Name)
		}
	}
	if len(seen) != len(suites.All()) {
		t.Errorf("keys: %v", seen)
	}
	a := []apt.Package{{Name: "a", Version: "1"}, {Name: "b", Version: "2"}}
	b := []apt.Package{{Name: "b", Version: "2"}, {Name: "a", Version: "1"}}
	if hashPackages(a) != hashPackages(b) || hashPackages(a) == hashPackages(a[:1]) {
		t.Error("the packages' hash depends on their order, or not on them")
	}
}

func TestUpstreamVersion(t *testing.T) {
	for version, want := range map[string]string{
		"3.5.0-1+b1": "3.5.0", "1:2.0-rc1-3": "2.0-rc1", "4.0.0": "4.0.0", "4.0.0~git1-2": "4.0.0~git1", "": "",
	} {
		if got := upstreamVersion(version); got != want {
			t.Errorf("upstreamVersion(%q) = %q", version, got)
		}
	}
}

func TestInspect(t *testing.T) {
	m := &bootstrap{s: find(t, "trixie")}
	good := ""
	for _, p := range m.s.Packages() {
		good += "Package: " + p + "\nStatus: install ok installed\nVersion: 1\n\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"good":            {good, ""},
		"half configured": {good + "Package: x\nStatus: install ok unpacked\nVersion: 1\n", "package x 1 is not configured"},
		"missing":         {strings.Replace(good, "Package: bc\n", "Package: x\n", 1), "package bc is missing"},
		"nothing":         {"", "is missing"},
	} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := m.inspect(root)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.inspect(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestCleanKeepsHeldTrees(t *testing.T) {
	f := newFakeSuite(t)
	held, err := f.ReadyUserland(t.Context(), find(t, "trixie"))
	if err != nil {
		t.Fatal(err)
	}
	free, err := f.ReadyUserland(t.Context(), find(t, "sid"))
	if err != nil {
		t.Fatal(err)
	}
	hold, err := held.Hold()
	if err != nil {
		t.Fatal(err)
	}
	_, busy, err := f.Clean(t.Context())
	if diff := cmp.Diff([]string{filepath.Base(held.Dir)}, busy); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if !complete(held.Dir) || complete(free.Dir) {
		t.Errorf("held tree there: %v, free one there: %v", complete(held.Dir), complete(free.Dir))
	}
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
	if _, busy, err := f.Clean(t.Context()); err != nil || busy != nil || f.dirs("trixie") != nil {
		t.Errorf("second Clean: %v, %v, left %v", busy, err, f.dirs("trixie"))
	}
	if _, err := f.Cache.LoadUserland("trixie"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Clean: %v", err)
	}
}
