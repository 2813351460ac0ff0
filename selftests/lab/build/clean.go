// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// collect removes images and stages that no current image needs. Failing to is
// only a waste of space.
func (b *Builder) collect() {
	keep := map[string]bool{}
	for _, k := range kernels.Everything() {
		img, err := b.Cache.Load(k.ID())
		if err != nil {
			continue
		}
		keep[img.Dir] = true
		if k.VM == kernels.QEMU {
			keep[b.Cache.stage("kernel", img.Inputs.kernelKey())] = true
			keep[b.Cache.stage("headers", img.Inputs.headersKey())] = true
			keep[img.Base] = true
		} else {
			keep[b.Cache.stage("uml", img.Inputs.umlKey())] = true
		}
		if img.Inputs.Source != "" {
			keep[b.Cache.sourceStage(img.Inputs.Source)] = true
			keep[b.Cache.stage("prepared", img.Inputs.prepared().key())] = true
		}
	}
	for _, sub := range []string{"images", "stages"} {
		dirs, _ := os.ReadDir(filepath.Join(b.Cache.Root, sub))
		for _, d := range dirs {
			path := filepath.Join(b.Cache.Root, sub, d.Name())
			if !d.IsDir() || keep[path] {
				continue
			}
			if removed, err := removeUnused(path); err != nil {
				b.say("removing what is no longer needed: %v", err)
			} else if removed {
				b.say("removed %s/%s, no longer needed", sub, d.Name())
			}
		}
	}
	b.collectAnswers(keep)
}

// collectAnswers removes what is known about images that are no longer kept,
// with the locks and what a write that was cut off has left.
func (b *Builder) collectAnswers(keep map[string]bool) {
	dir := filepath.Join(b.Cache.Root, "kvm")
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		image, _, _ := strings.Cut(f.Name(), ".json")
		if !keep[filepath.Join(b.Cache.Root, "images", image)] {
			_ = os.Remove(filepath.Join(dir, f.Name()))
		}
	}
}

// lockUserlands takes the locks of all suites.
func (b *Builder) lockUserlands(ctx context.Context) (release func(), err error) {
	var held []*os.File
	release = func() {
		for _, l := range held {
			_ = l.Close()
		}
	}
	for _, s := range suites.All() {
		l, err := lock(ctx, b.Cache.userlandLock(s.Name), func() { b.say("waiting for a build of suite %s to end", s.Name) })
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, l)
	}
	return release, nil
}

// Clean removes everything from the cache that no guest is using and returns
// the bytes freed and the names of images in use.
func (b *Builder) Clean(ctx context.Context) (freed int64, busy []string, err error) {
	if _, err := os.Stat(b.Cache.Root); err != nil {
		return 0, nil, nil
	}
	// In the order in which a build of a suite takes them.
	release, err := b.lockUserlands(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer release()
	l, err := lock(ctx, filepath.Join(b.Cache.Root, "lock"), func() { b.say("waiting for another build to end") })
	if err != nil {
		return 0, nil, err
	}
	defer l.Close()
	before := treeSize(b.Cache.Root)
	for _, sub := range []string{"images", "suites", "trees"} {
		used, err := b.cleanDir(filepath.Join(b.Cache.Root, sub))
		if err != nil {
			return 0, nil, err
		}
		busy = append(busy, used...)
	}
	for _, sub := range []string{"apt", "stages", "logs", "kvm"} {
		if err := os.RemoveAll(filepath.Join(b.Cache.Root, sub)); err != nil {
			return 0, nil, fmt.Errorf("clean cache: %w", err)
		}
	}
	return before - treeSize(b.Cache.Root), busy, nil
}

// cleanDir removes what is in a directory of images or trees, but for those in
// use, whose names it gives.
func (b *Builder) cleanDir(dir string) (busy []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("clean cache: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		removed, err := removeUnused(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if !removed {
			busy = append(busy, e.Name())
		}
	}
	for _, e := range entries {
		// The locks stay: waiting builds have them open. So do the manifests
		// and all else about what stays.
		if e.IsDir() || filepath.Ext(e.Name()) == ".lock" || len(busy) > 0 {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("clean cache: %w", err)
		}
	}
	return busy, nil
}
