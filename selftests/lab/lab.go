// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package lab runs commands inside throw-away kernels that have what the host
// lacks. It ties the catalogue (package kernels), the building of images
// (package build) and the guests (package guest) together.
//
// A program that uses it calls Hook before anything else in main, and then
// serves as its own helper; otherwise the program dplab is looked for next to
// it and in PATH.
package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dpscope/dpscope/kmod"
	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/guest"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// DefaultMemory is a guest's memory when none is given. It is taken from the
// host only as the guest uses it. A kernel for real machines is larger, and all
// its processors have memory of their own.
func DefaultMemory(vm kernels.VM) int64 {
	if vm == kernels.QEMU {
		return 1 << 30
	}
	return 512 << 20
}

// DefaultSMP is the number of a guest's processors when none is given. Two are
// what a machine is for here; each costs the translation of its instructions.
func DefaultSMP(vm kernels.VM) int {
	if vm == kernels.QEMU {
		return 2
	}
	return 1
}

// MaxSMP is the most processors a guest can have.
const MaxSMP = 64

// ErrSMP is the cause when a VM has no such number of processors.
var ErrSMP = errors.New("no such number of processors")

// CheckSMP tells whether a guest can have that many processors; zero stands for
// the default.
func CheckSMP(vm kernels.VM, n int) error {
	switch {
	case n < 0 || n > MaxSMP:
		return fmt.Errorf("%w: %d (1 to %d)", ErrSMP, n, MaxSMP)
	case vm == kernels.UML && n > 1:
		return fmt.Errorf("%w: %d (user-mode Linux runs one processor, Debian builds it without SMP; --vm %s has several)", ErrSMP, n, kernels.QEMU)
	}
	return nil
}

// DefaultGrace is how long a command may take to end after the first signal.
const DefaultGrace = 10 * time.Second

// Options say what to run where. Only Argv must be set.
type Options struct {
	// Kernel is a name of the catalogue; empty is kernels.Default.
	Kernel string
	// VM runs the kernel; empty is user-mode Linux.
	VM kernels.VM
	// SMP is the number of processors; zero is DefaultSMP.
	SMP int
	// Suite is the name of the Debian suite whose userland the guest has; empty
	// is suites.Host, the host's own files.
	Suite string
	// Modules is a module directory, as /lib/modules/RELEASE of some system, for
	// the kernel to use instead of the lab's; empty is the lab's. What the
	// kernel loads before it sees the host's files stays the lab's.
	Modules string
	// Argv is the command, looked up in the guest.
	Argv []string
	// Dir is the working directory and the one place of the host that the
	// guest can change; empty is the current directory.
	Dir string
	// Env are variables, NAME=VALUE, on top of those that are passed by
	// default (see Environment).
	Env []string
	// Memory in bytes; zero is DefaultMemory.
	Memory int64
	// Timeout ends the run with status 124; zero is none.
	Timeout time.Duration
	// Grace is the time between asking the command to end and forcing it;
	// zero is DefaultGrace.
	Grace time.Duration

	// Stdin, Stdout and Stderr are the command's; nil is empty or discarded.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// TTY, Size, Resize, Signals and Console are those of guest.Options.
	TTY     bool
	Size    guest.Size
	Resize  <-chan guest.Size
	Signals <-chan os.Signal
	Console io.Writer

	// Log gets a line for each step when the kernel has to be built first.
	Log io.Writer
}

// Hook makes the program a guest's first process or a guard if that is what it
// was started for; it does not return then.
func Hook() { guest.Hook() }

// Run boots a kernel, building it first if needed, and runs a command in it.
// The result's Code is the status to exit with. An error means that the command
// has no status of its own; *guest.Error carries the kernel's last lines.
func Run(ctx context.Context, opt Options) (guest.Result, error) {
	img, err := Ready(ctx, opt.Kernel, opt.VM, opt.Log)
	if err == nil {
		_, err = ReadySuite(ctx, opt.Suite, opt.Log)
	}
	if err != nil {
		return guest.Result{Code: guest.CodeLab, CPU: -1}, err
	}
	return RunImage(ctx, img, opt)
}

// RunImage is Run of an image at hand. The suite, if any, is built if needed.
func RunImage(ctx context.Context, img build.Image, opt Options) (guest.Result, error) {
	failed := guest.Result{Code: guest.CodeLab, CPU: -1}
	vm := cmp.Or(img.VM, kernels.UML)
	kernel, err := kernels.Find(img.Name, vm)
	if err != nil {
		return failed, err
	}
	if err := CheckSMP(vm, opt.SMP); err != nil {
		return failed, err
	}
	helper, err := findHelper()
	if err != nil {
		return failed, err
	}
	dir, err := workDir(opt.Dir)
	if err != nil {
		return failed, err
	}
	modules, err := moduleDir(opt.Modules, img)
	if err != nil {
		return failed, err
	}
	tree, holdRoot, err := holdSuite(ctx, opt.Suite, opt.Log)
	if err != nil {
		return failed, err
	}
	if holdRoot != nil {
		defer holdRoot.Close()
	}
	hold, err := img.Hold()
	if err != nil {
		return failed, err
	}
	defer hold.Close()
	cache, err := build.DefaultCache()
	if err != nil {
		return failed, err
	}
	o := guest.Options{
		Linux: img.Linux, Release: img.Release, Modules: modules, Helper: helper,
		Libraries: img.Libraries, Args: kernel.Options,
		Root: tree.Root, Argv: opt.Argv, Dir: dir,
		Env:    Environment(os.Environ(), filepath.Dir(helper), dir, Names{img.Name, vm, cmp.Or(tree.Name, suites.Host)}, opt.Env),
		Expose: expose(helper, opt.Argv, dir, tree.Root),
		Memory: opt.Memory, Timeout: opt.Timeout, Grace: opt.Grace,
		TTY: opt.TTY, Size: opt.Size, Resize: opt.Resize, Signals: opt.Signals,
		Stdin: opt.Stdin, Stdout: opt.Stdout, Stderr: opt.Stderr, Console: opt.Console,
		SlotDir: cache.SlotDir(), Hold: hold, HoldRoot: holdRoot,
	}
	if vm == kernels.QEMU {
		if o.Machine, err = machine(cache, img, cmp.Or(opt.SMP, DefaultSMP(vm))); err != nil {
			return failed, err
		}
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory(vm)
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	return guest.Run(ctx, o)
}

// workDir gives a directory's path free of symlinks, which may lead elsewhere
// in the guest.
func workDir(dir string) (string, error) {
	if dir == "" {
		var err error
		if dir, err = os.Getwd(); err != nil {
			return "", fmt.Errorf("find current directory: %w", err)
		}
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", fmt.Errorf("find current directory: %w", err)
	}
	return dir, nil
}

// findHelper finds the program that becomes guard and first process.
func findHelper() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find own program: %w", err)
	}
	if guest.Hooked() {
		return self, nil
	}
	beside := filepath.Join(filepath.Dir(self), "dplab")
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	path, err := exec.LookPath("dplab")
	if err != nil {
		return "", fmt.Errorf("find dplab: %w (it belongs next to %s or into PATH)", err, self)
	}
	return filepath.Abs(path)
}

func builder(log io.Writer) (*build.Builder, error) {
	cache, err := build.DefaultCache()
	if err != nil {
		return nil, err
	}
	b := &build.Builder{Cache: cache, Patches: kmod.FS, Log: log}
	b.Guest = func(ctx context.Context, dir string, out io.Writer, argv ...string) error {
		return runAsRoot(ctx, b, dir, out, argv)
	}
	return b, nil
}

// Ready gives a kernel's image, built if there is none or its inputs have
// changed. For a machine it also finds out, once for each kernel and boot of the
// host, whether the host's processors can run it.
func Ready(ctx context.Context, kernel string, vm kernels.VM, log io.Writer) (build.Image, error) {
	k, err := kernels.Find(cmp.Or(kernel, kernels.Default), cmp.Or(vm, kernels.UML))
	if err != nil {
		return build.Image{}, err
	}
	b, err := builder(log)
	if err != nil {
		return build.Image{}, err
	}
	img, err := b.Ready(ctx, k)
	if err == nil && k.VM == kernels.QEMU {
		probeKVM(ctx, b.Cache, img, log)
		err = context.Cause(ctx)
	}
	return img, err
}

// ReadySuite gives a suite's userland, built if there is none or its inputs have
// changed; that of the host is empty.
func ReadySuite(ctx context.Context, suite string, log io.Writer) (build.Userland, error) {
	s, ok, err := suites.Find(suite)
	if err != nil || !ok {
		return build.Userland{}, err
	}
	b, err := builder(log)
	if err != nil {
		return build.Userland{}, err
	}
	return b.ReadyUserland(ctx, s)
}

// holdSuite is ReadySuite with the lock that keeps the userland. Another build
// may replace it before it is locked.
func holdSuite(ctx context.Context, suite string, log io.Writer) (tree build.Userland, hold *os.File, err error) {
	for range 3 {
		if tree, err = ReadySuite(ctx, suite, log); err != nil || tree.Root == "" {
			return tree, nil, err
		}
		if hold, err = tree.Hold(); err == nil {
			break
		}
	}
	return tree, hold, err
}

// ErrUnknown is the cause when a name is neither a kernel's nor a suite's.
var ErrUnknown = errors.New("no such kernel or suite")

// Build brings the kernels of a VM and suites' userlands up to date with what
// the package sources offer; none named means all kernels. One that fails does
// not keep the others from being built. Of kernels nobody named, one from a
// moving suite may fail with a warning only.
func Build(ctx context.Context, vm kernels.VM, names []string, log io.Writer) error {
	b, err := builder(log)
	if err != nil {
		return err
	}
	all, userlands, err := pick(cmp.Or(vm, kernels.UML), names)
	if err != nil {
		return err
	}
	var failed []error
	for _, k := range all {
		_, err := b.Build(ctx, k)
		if err != nil && k.Moving && len(names) == 0 && ctx.Err() == nil && log != nil {
			fmt.Fprintf(log, "lab: WARNING: going on without a kernel: %v\n", err)
			continue
		}
		if err != nil {
			failed = append(failed, err)
			if ctx.Err() != nil {
				return errors.Join(failed...)
			}
		}
	}
	for _, s := range userlands {
		if _, err := b.BuildUserland(ctx, s); err != nil {
			failed = append(failed, err)
			if ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(failed...)
}

// pick looks names up, kernels first.
func pick(vm kernels.VM, names []string) (all []kernels.Kernel, userlands []suites.Suite, err error) {
	offered := slices.DeleteFunc(kernels.All(), func(k kernels.Kernel) bool { return k.VM != vm })
	if len(names) == 0 {
		return offered, nil, nil
	}
	for _, name := range names {
		if k, err := kernels.Find(name, vm); err == nil {
			all = append(all, k)
		} else if s, ok, err := suites.Find(name); err == nil && ok {
			userlands = append(userlands, s)
		} else {
			var known []string
			for _, k := range offered {
				known = append(known, k.Name)
			}
			for _, s := range suites.All() {
				known = append(known, s.Name)
			}
			return nil, nil, fmt.Errorf("build %q: %w (there are: %s)", name, ErrUnknown, strings.Join(known, ", "))
		}
	}
	return all, userlands, nil
}

// Clean removes all that was built and fetched, and what guests left behind
// that died with their guards.
func Clean(ctx context.Context, log io.Writer) (freed int64, busy []string, err error) {
	b, err := builder(log)
	if err != nil {
		return 0, nil, err
	}
	guest.Sweep()
	return b.Clean(ctx)
}
