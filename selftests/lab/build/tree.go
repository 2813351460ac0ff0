// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// treeRecipe is the version of what is taken into a tree. Raise it with every
// change of wantTree.
const treeRecipe = 1

// Tree is what a kernel's source has for running and not for building: the
// network selftests and the netlink specifications with their tools.
type Tree struct {
	// Package and Version tell where it is from.
	Package, Version string
	// dir is the stage; below it the files lie as in the source.
	dir string
}

// treeFiles are the directories and files of a tree.
var treeFiles = []string{
	"Documentation/netlink",
	"tools/net/ynl",
	"tools/testing/selftests/kselftest",
	"tools/testing/selftests/net/lib",
	"tools/testing/selftests/net/lib.sh",
	"tools/testing/selftests/net/openvswitch",
}

// wantTree tells which files of the source a tree has: none of those that
// wantSource takes.
func wantTree(name string) bool {
	return !wantSource(name) && slices.ContainsFunc(treeFiles, func(f string) bool {
		return name == f || strings.HasPrefix(name, f+"/")
	})
}

// ReadFile reads a file of the tree, named as in the source.
func (t Tree) ReadFile(name string) ([]byte, error) {
	held, err := hold(t.dir)
	if err != nil {
		return nil, fmt.Errorf("read from %s %s: %w", t.Package, t.Version, err)
	}
	defer held.Close()
	data, err := os.ReadFile(filepath.Join(t.dir, sourceDir, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("read from %s %s: %s: %w", t.Package, t.Version, name, errors.Unwrap(err))
	}
	return data, nil
}

// Copy writes files and directories of the tree, named as in the source, below
// a directory. A name the source does not have is an error.
func (t Tree) Copy(to string, names ...string) error {
	held, err := hold(t.dir)
	if err != nil {
		return fmt.Errorf("copy from %s %s: %w", t.Package, t.Version, err)
	}
	defer held.Close()
	for _, name := range names {
		from := filepath.Join(t.dir, sourceDir, filepath.FromSlash(name))
		st, err := os.Stat(from)
		if err != nil {
			return fmt.Errorf("copy from %s %s: %s: %w", t.Package, t.Version, name, errors.Unwrap(err))
		}
		target := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("copy from %s %s: %w", t.Package, t.Version, err)
		}
		if st.IsDir() {
			err = os.CopyFS(target, os.DirFS(from))
		} else {
			err = copyFile(from, target)
		}
		if err != nil {
			return fmt.Errorf("copy from %s %s: %w", t.Package, t.Version, err)
		}
	}
	return nil
}

func (c *Cache) treesDir() string { return filepath.Join(c.Root, "trees") }

// treeStage is the directory of a version's tree. Debian versions have no _.
func (c *Cache) treeStage(pkg, version string) string {
	return filepath.Join(c.treesDir(), pkg+"_"+version+"_"+strconv.Itoa(treeRecipe))
}

// tree finds what there is of a package, the one made last.
func (c *Cache) tree(pkg string) (Tree, bool) {
	var found Tree
	var made time.Time
	dirs, _ := filepath.Glob(c.treeStage(pkg, "*"))
	for _, dir := range dirs {
		if id := identify(filepath.Join(dir, completeName)); id.MTime.After(made) {
			made = id.MTime
			found = Tree{Package: pkg, Version: strings.Split(filepath.Base(dir), "_")[1], dir: dir}
		}
	}
	return found, found.dir != ""
}

// Tree gives the tests and tools of a kernel's source package, fetched if they
// are not there yet. They come with every kernel built from that source.
func (b *Builder) Tree(ctx context.Context, k kernels.Kernel) (Tree, error) {
	if t, ok := b.Cache.tree(k.Source); ok {
		return t, nil
	}
	t, err := b.fetchTree(ctx, k)
	if err != nil && k.Moving && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return Tree{}, fmt.Errorf("fetch the tests of %s: %w", k.Source, err)
	}
	return t, nil
}

func (b *Builder) fetchTree(ctx context.Context, k kernels.Kernel) (Tree, error) {
	if err := checkTools(append(slices.Clone(fetchTools), tool{"xz", "xz-utils"})); err != nil {
		return Tree{}, err
	}
	l, err := lock(ctx, filepath.Join(b.Cache.Root, "lock"), func() { b.say("waiting for another build to end") })
	if err != nil {
		return Tree{}, err
	}
	defer l.Close()
	if t, ok := b.Cache.tree(k.Source); ok {
		return t, nil // the other build made it
	}
	w := &work{Builder: b, ctx: ctx, k: k}
	if err := w.openPackages(false); err != nil {
		return Tree{}, err
	}
	versions, err := w.apt.Versions(ctx, k.Source)
	if err != nil {
		return Tree{}, err
	}
	if len(versions) == 0 {
		return Tree{}, fmt.Errorf("find %s: %w: %s has no such package", k.Source, ErrUnavailable, w.where())
	}
	t := Tree{Package: k.Source, Version: versions[0], dir: b.Cache.treeStage(k.Source, versions[0])}
	err = stageDir(t.dir, func() error {
		return w.fetchSource(t.Version, t.dir, part{filepath.Join(t.dir, sourceDir), wantTree})
	})
	if err == nil {
		w.dropTrees(t.dir)
	}
	return t, err
}

// withTree unpacks a source and, as the package is at hand, its tree.
func (w *work) withTree(version, dir string, src part) error {
	tree := w.Cache.treeStage(w.k.Source, version)
	if complete(tree) {
		return w.fetchSource(version, dir, src)
	}
	err := stageDir(tree, func() error {
		return w.fetchSource(version, dir, src, part{filepath.Join(tree, sourceDir), wantTree})
	})
	if err == nil {
		w.dropTrees(tree)
	}
	return err
}

// dropTrees removes the package's other trees. Failing to is only a waste of
// space.
func (w *work) dropTrees(keep string) {
	dirs, _ := filepath.Glob(filepath.Join(w.Cache.treesDir(), w.k.Source+"_*"))
	for _, dir := range dirs {
		if dir == keep {
			continue
		}
		if _, err := removeUnused(dir); err != nil {
			w.say("removing what is no longer needed: %v", err)
		}
	}
}

// part is a directory with what of an archive goes there.
type part struct {
	dir  string
	want func(name string) bool
}

// placeParts puts each member below root where the first part wants it. Names
// begin with the archive's own top directory, which is dropped.
func placeParts(root string, parts []part) (place, error) {
	dirs := make([]string, len(parts))
	for i, p := range parts {
		rel, err := filepath.Rel(root, p.dir)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, fmt.Errorf("unpack: %s is not below %s", p.dir, root)
		}
		dirs[i] = filepath.ToSlash(rel)
	}
	return func(name string) string {
		_, name, _ = strings.Cut(name, "/")
		if !fs.ValidPath(name) {
			return ""
		}
		for i, p := range parts {
			if p.want(name) {
				return path.Join(dirs[i], name)
			}
		}
		return ""
	}, nil
}
