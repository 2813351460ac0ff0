// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
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
}

// Clean removes everything from the cache that no guest is using and returns
// the bytes freed and the names of images in use.
func (b *Builder) Clean(ctx context.Context) (freed int64, busy []string, err error) {
	if _, err := os.Stat(b.Cache.Root); err != nil {
		return 0, nil, nil
	}
	l, err := lock(ctx, filepath.Join(b.Cache.Root, "lock"), func() { b.say("waiting for another build to end") })
	if err != nil {
		return 0, nil, err
	}
	defer l.Close()
	before := treeSize(b.Cache.Root)
	images, err := os.ReadDir(filepath.Join(b.Cache.Root, "images"))
	if err != nil && !os.IsNotExist(err) {
		return 0, nil, fmt.Errorf("clean cache: %w", err)
	}
	for _, d := range images {
		if !d.IsDir() {
			continue
		}
		removed, err := removeUnused(filepath.Join(b.Cache.Root, "images", d.Name()))
		if err != nil {
			return 0, nil, err
		}
		if !removed {
			busy = append(busy, d.Name())
		}
	}
	// The locks stay: guests and waiting builds have them open.
	gone := []string{"apt", "stages", "logs", "kvm"}
	if len(busy) == 0 {
		gone = append(gone, "images")
	}
	for _, sub := range gone {
		if err := os.RemoveAll(filepath.Join(b.Cache.Root, sub)); err != nil {
			return 0, nil, fmt.Errorf("clean cache: %w", err)
		}
	}
	return before - treeSize(b.Cache.Root), busy, nil
}
