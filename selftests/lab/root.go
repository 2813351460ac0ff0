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

// rootKernels are the kernels to do it on, best first, and the one to build when
// none of them is there. The newest is the fastest, but one of a moving suite
// may be good for nothing; one as it comes takes no time to build.
func rootKernels() (all []kernels.Kernel, build kernels.Kernel) {
	all = slices.DeleteFunc(kernels.All(), func(k kernels.Kernel) bool { return k.VM != kernels.UML })
	slices.Reverse(all)
	stock := slices.IndexFunc(all, func(k kernels.Kernel) bool { return k.Source == "" && !k.Moving })
	return all, all[stock]
}

// runAsRoot runs a command in a guest.
func runAsRoot(ctx context.Context, b *build.Builder, dir string, out io.Writer, argv []string) error {
	all, stock := rootKernels()
	for _, k := range all {
		img, err := b.Cache.Load(k.ID())
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
	img, err := b.Ready(ctx, stock)
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
