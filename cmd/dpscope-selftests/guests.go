// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/lab"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// guestFlags are those of the commands that boot guests.
type guestFlags struct {
	kernels []string
	vms     []string
	smp     int
	jobs    int
	timeout time.Duration
}

func (f *guestFlags) add(cmd *cobra.Command, names []string, vms ...kernels.VM) {
	var words []string
	for _, vm := range vms {
		words = append(words, string(vm))
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.kernels, "kernels", names, "the lab's kernels to boot (see: dplab list)")
	fl.StringSliceVar(&f.vms, "vm", words, "what runs them, uml and qemu")
	fl.IntVar(&f.smp, "smp", 0, "processors of a machine of qemu's (0: as dplab has it)")
	fl.IntVarP(&f.jobs, "jobs", "J", 2, "guests at a time")
	fl.DurationVar(&f.timeout, "timeout", 20*time.Minute, "limit for each guest, a `DURATION` such as 90s")
	_ = cmd.RegisterFlagCompletionFunc("kernels", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, k := range kernels.All() {
			if k.VM == kernels.UML {
				names = append(names, k.Name+"\t"+k.Summary)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// kernelNames are those of the matrix, each once.
func kernelNames() []string {
	var names []string
	for _, k := range kernels.All() {
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
	}
	return names
}

// targets are the guests the flags ask for.
func (f *guestFlags) targets() ([]target, error) {
	switch {
	case f.jobs < 1:
		return nil, cli.Usagef("--jobs %d: must be positive", f.jobs)
	case f.timeout <= 0:
		return nil, cli.Usagef("--timeout %v: must be positive", f.timeout)
	case len(f.kernels) == 0:
		return nil, cli.Usagef("--kernels: none named")
	case len(f.vms) == 0:
		return nil, cli.Usagef("--vm: none named")
	}
	var out []target
	for _, word := range f.vms {
		vm, err := kernels.ParseVM(word)
		if err == nil && vm == kernels.QEMU {
			err = lab.CheckSMP(vm, f.smp)
		}
		if err != nil {
			return nil, cli.Usagef("%w", err)
		}
		for _, name := range f.kernels {
			k, err := kernels.Find(name, vm)
			if err != nil && slices.ContainsFunc(f.vms, func(other string) bool { return known(name, other) }) {
				continue // not every kernel comes for every VM
			}
			if err != nil {
				return nil, cli.Usagef("%w", err)
			}
			t := target{kernel: k}
			if vm == kernels.QEMU {
				t.smp = f.smp
			}
			if slices.ContainsFunc(out, func(o target) bool { return o.name() == t.name() }) {
				return nil, cli.Usagef("%s is named twice", t.name())
			}
			out = append(out, t)
		}
	}
	return out, nil
}

// known tells whether a kernel comes for a VM.
func known(name, vm string) bool {
	_, err := kernels.Find(name, kernels.VM(vm))
	return err == nil
}

// target is a guest to boot.
type target struct {
	kernel kernels.Kernel
	smp    int
}

// name tells the target from all others.
func (t target) name() string { return t.kernel.Name + "/" + t.vm() }

// vm is what runs it.
func (t target) vm() string { return string(t.kernel.VM) }

// visit is what came of a command in a guest.
type visit struct {
	target
	stdout, stderr bytes.Buffer
	code           int
	err            error // the guest, or its kernel, was not to be had
	took           time.Duration
}

// each runs one of our own commands in every guest and waits for all of them.
func (f *guestFlags) each(ctx context.Context, targets []target, log io.Writer, args ...string) []*visit {
	visits := make([]*visit, len(targets))
	slots := make(chan struct{}, f.jobs)
	// Guests write their log lines side by side.
	log = &lockedWriter{w: log}
	var wg sync.WaitGroup
	for i, t := range targets {
		visits[i] = &visit{target: t}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			visits[i].run(ctx, f.timeout, log, args)
		})
	}
	wg.Wait()
	return visits
}

func (v *visit) run(ctx context.Context, timeout time.Duration, log io.Writer, args []string) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		v.err = err
		return
	}
	start := time.Now()
	res, err := lab.Run(ctx, lab.Options{
		Kernel: v.kernel.Name, VM: v.kernel.VM, SMP: v.smp, Argv: append([]string{self}, args...), Timeout: timeout,
		Stdout: &v.stdout, Stderr: &v.stderr, Log: log,
	})
	v.took = time.Since(start)
	v.code = res.Code
	switch {
	case ctx.Err() != nil:
		v.err = ctx.Err()
	case err != nil:
		v.err = err
	case res.Message != "":
		v.err = fmt.Errorf("%s", res.Message)
	}
}

// say repeats what the command in the guest said on stderr.
func (v *visit) say(cmd *cobra.Command) {
	for line := range bytes.Lines(v.stderr.Bytes()) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", v.name(), bytes.TrimRight(line, "\n"))
	}
}

// lockedWriter keeps lines of several writers whole.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes under a lock.
func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
