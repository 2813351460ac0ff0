// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// rootMemory is what installing a suite's packages takes: they lie in memory,
// packed and unpacked.
const rootMemory = 1536 << 20

// runAsRoot runs a command in a guest, on a kernel that is there if possible.
// The newest is the fastest, but one of a moving suite may be good for nothing.
func runAsRoot(ctx context.Context, b *build.Builder, dir string, out io.Writer, argv []string) error {
	all := kernels.All()
	slices.Reverse(all)
	for _, k := range all {
		img, err := b.Cache.Load(k.Name)
		if err != nil || b.Stale(k, img) != "" {
			continue
		}
		err = runAsRootOn(ctx, img, dir, out, argv)
		if err == nil || !k.Moving || ctx.Err() != nil {
			return err
		}
		if b.Log != nil {
			fmt.Fprintf(b.Log, "lab: WARNING: trying another kernel than %s: %v\n", k.Name, err)
		}
	}
	// One as it comes takes no time to build.
	stock := slices.IndexFunc(all, func(k kernels.Kernel) bool { return k.Source == "" })
	img, err := b.Ready(ctx, all[stock])
	if err != nil {
		return err
	}
	return runAsRootOn(ctx, img, dir, out, argv)
}

func runAsRootOn(ctx context.Context, img build.Image, dir string, out io.Writer, argv []string) error {
	res, err := RunImage(ctx, img, Options{Argv: argv, Dir: dir, Memory: rootMemory, Stdout: out, Stderr: out})
	switch {
	case err != nil:
		return err
	case res.Code != 0:
		return fmt.Errorf("%s: exit status %d %s", argv[0], res.Code, res.Message)
	}
	return nil
}
