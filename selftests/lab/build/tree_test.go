// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"archive/tar"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

func TestWantTree(t *testing.T) {
	for name, want := range map[string]bool{
		"tools/testing/selftests/net/openvswitch/openvswitch.sh": true,
		"tools/testing/selftests/net/lib.sh":                     true,
		"tools/testing/selftests/net/lib/py/ynl.py":              true,
		"tools/testing/selftests/net/lib.sh.orig":                false,
		"tools/testing/selftests/net/openvswitch_other/x":        false,
		"tools/testing/selftests/net/fib_tests.sh":               false,
		"tools/net/ynl/pyynl/cli.py":                             true,
		"Documentation/netlink/genetlink-legacy.yaml":            true,
		"Documentation/networking/openvswitch.rst":               false,
		"net/openvswitch/actions.c":                              false,
		"tools/net/ynl/Makefile":                                 false, // the other part's
	} {
		if got := wantTree(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestUnpackParts takes an archive apart in one pass.
func TestUnpackParts(t *testing.T) {
	root := t.TempDir()
	src, tree := filepath.Join(root, "stages", "source-1", sourceDir), filepath.Join(root, "trees", "p_1_1", sourceDir)
	const ovs = "tools/testing/selftests/net/openvswitch/openvswitch.sh"
	reg := func(name string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755}
	}
	r := archive(t, tar.Header{Name: "linux-6.12/", Typeflag: tar.TypeDir},
		reg("linux-6.12/net/openvswitch/actions.c"), reg("linux-6.12/"+ovs), reg("linux-6.12/drivers/net/veth.c"), reg("stray"))
	where, err := placeParts(root, []part{{src, wantSource}, {tree, wantTree}})
	if err != nil {
		t.Fatal(err)
	}
	if err := untar(r, root, where); err != nil {
		t.Fatal(err)
	}
	var got []string
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, p)
			got = append(got, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"stages/source-1/linux/net/openvswitch/actions.c", "trees/p_1_1/linux/" + ovs}
	if !slices.Equal(got, want) {
		t.Errorf("unpacked %q, want %q", got, want)
	}
	if _, err := placeParts(root, []part{{filepath.Dir(root), wantTree}}); err == nil {
		t.Error("a part outside of the root was taken")
	}
}

// fakeTree puts a tree into a cache.
func fakeTree(t *testing.T, c *Cache, pkg, version string) Tree {
	t.Helper()
	dir := c.treeStage(pkg, version)
	err := stageDir(dir, func() error {
		for name, text := range map[string]string{"tools/a/run.sh": "#!/bin/sh", "tools/a/b/c": "c", "top": "t"} {
			p := filepath.Join(dir, sourceDir, name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return Tree{Package: pkg, Version: version, dir: dir}
}

func TestTreeAtHand(t *testing.T) {
	c := &Cache{Root: t.TempDir()}
	k := kernels.Kernel{Source: "linux-source-6.12", Suite: "nowhere"}
	want := fakeTree(t, c, k.Source, "6.12.107-1~deb13+1")
	fakeTree(t, c, "linux-source-6.1", "6.1.176-1")
	got, err := (&Builder{Cache: c}).Tree(context.Background(), k)
	if err != nil || got != want {
		t.Fatalf("%+v, %v, want %+v", got, err, want)
	}
	to := t.TempDir()
	if err := got.Copy(to, "tools/a", "top"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tools/a/run.sh", "tools/a/b/c", "top"} {
		if _, err := os.Stat(filepath.Join(to, name)); err != nil {
			t.Error(err)
		}
	}
	if text, err := got.ReadFile("tools/a/b/c"); err != nil || string(text) != "c" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := got.ReadFile("no/such"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "6.12.107-1~deb13+1: no/such") {
		t.Errorf("a missing name: %v", err)
	}
	if err := got.Copy(t.TempDir(), "no/such"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "6.12.107-1~deb13+1: no/such") {
		t.Errorf("a missing name: %v", err)
	}
	// One that was cut off does not count.
	if err := os.Remove(filepath.Join(want.dir, completeName)); err != nil {
		t.Fatal(err)
	}
	if got, ok := c.tree(k.Source); ok {
		t.Errorf("an incomplete tree was taken: %+v", got)
	}
	if err := got.Copy(t.TempDir(), "top"); err == nil {
		t.Error("copied from a tree that is being removed")
	}
}

// TestDropTrees has a new version take the place of the old ones of the same
// package, unless somebody is reading them.
func TestDropTrees(t *testing.T) {
	c := &Cache{Root: t.TempDir()}
	k := kernels.Kernel{Source: "linux-source-6.12"}
	old, held := fakeTree(t, c, k.Source, "1"), fakeTree(t, c, k.Source, "2")
	now, other := fakeTree(t, c, k.Source, "3"), fakeTree(t, c, "linux-source-7.2", "1")
	f, err := hold(held.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &work{Builder: &Builder{Cache: c}, ctx: context.Background(), k: k}
	w.dropTrees(now.dir)
	for _, tt := range []struct {
		tree Tree
		want bool
	}{{old, false}, {held, true}, {now, true}, {other, true}} {
		if got := complete(tt.tree.dir); got != tt.want {
			t.Errorf("%s %s: still there: %v", tt.tree.Package, tt.tree.Version, got)
		}
	}
}
