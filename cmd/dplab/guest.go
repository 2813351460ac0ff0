// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/internal/labcli"
	"github.com/dpscope/dpscope/selftests/lab"
	"github.com/dpscope/dpscope/selftests/lab/guest"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// guestFlags are those of the commands that boot a guest.
type guestFlags struct {
	kernel  string
	vm      labcli.VM
	smp     int
	suite   string
	modules string
	memory  memory
	timeout time.Duration
	env     []string
	verbose bool
}

func (f *guestFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.kernel, "kernel", kernels.Default, "kernel to boot (see: dplab list)")
	fl.StringVar(&f.suite, "suite", suites.Host, "userland: that of a Debian suite instead of the host's (see: dplab list)")
	fl.StringVar(&f.modules, "modules", "", "use this copy of the kernel's module `DIR`ectory (.../lib/modules/RELEASE) instead of the lab's")
	f.vm.Add(cmd)
	fl.IntVar(&f.smp, "smp", 0, fmt.Sprintf("number of processors (default: 1 with --vm %s, which has no more, %d with --vm %s)",
		kernels.UML, lab.DefaultSMP(kernels.QEMU), kernels.QEMU))
	fl.Var(&f.memory, "mem", fmt.Sprintf("the guest's memory, in bytes or with M or G (default: %dM with --vm %s, %dM with --vm %s)",
		lab.DefaultMemory(kernels.UML)>>20, kernels.UML, lab.DefaultMemory(kernels.QEMU)>>20, kernels.QEMU))
	fl.DurationVar(&f.timeout, "timeout", 0, "end the command after this time, with status 124 (0: never)")
	fl.StringArrayVarP(&f.env, "env", "e", nil, "pass `NAME[=VALUE]` to the command (repeatable)")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "print the kernel's messages to stderr")
	// The command's own flags are not ours.
	fl.SetInterspersed(false)
	_ = cmd.RegisterFlagCompletionFunc("kernel", completeKernels)
	_ = cmd.RegisterFlagCompletionFunc("suite", completeSuites)
}

func completeKernels(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, k := range kernels.All() {
		if k.VM == kernels.UML {
			names = append(names, k.Name+"\t"+k.Summary)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completeSuites(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names := []string{suites.Host + "\tthe host's own files"}
	for _, s := range suites.All() {
		names = append(names, s.Name+"\t"+s.Summary)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// memory is a size on the command line; zero is the default of the VM.
type memory int64

func (m *memory) String() string {
	if *m == 0 {
		return ""
	}
	return fmt.Sprintf("%dM", int64(*m)>>20)
}

// Type names the kind of value in help texts.
func (m *memory) Type() string { return "SIZE" }

// Set reads bytes, or a number with K, M or G.
func (m *memory) Set(text string) error {
	number, shift := text, 0
	if text != "" {
		if i := strings.IndexByte("KMG", text[len(text)-1]&^0x20); i >= 0 {
			number, shift = text[:len(text)-1], 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<40)>>shift {
		return errors.New("want a number of bytes, or one with K, M or G")
	}
	if n <<= shift; n < guest.MinMemory {
		return fmt.Errorf("a guest needs at least %d MB", guest.MinMemory>>20)
	}
	*m = memory(n)
	return nil
}

// options checks the flags and turns them into options.
func (f *guestFlags) options(cmd *cobra.Command) (lab.Options, error) {
	vm := kernels.VM(f.vm)
	if _, err := kernels.Find(f.kernel, vm); err != nil {
		return lab.Options{}, cli.Usagef("%w", err)
	}
	if cmd.Flags().Changed("smp") && f.smp == 0 {
		// For the library it is the default.
		return lab.Options{}, cli.Usagef("flag --smp: %w: 0 (1 to %d)", lab.ErrSMP, lab.MaxSMP)
	}
	if err := lab.CheckSMP(vm, f.smp); err != nil {
		return lab.Options{}, cli.Usagef("flag --smp: %w", err)
	}
	if vm == kernels.QEMU && f.memory != 0 && f.memory < guest.MinMachineMemory {
		return lab.Options{}, cli.Usagef("flag --mem: a machine needs at least %d MB", guest.MinMachineMemory>>20)
	}
	if _, _, err := suites.Find(f.suite); err != nil {
		return lab.Options{}, cli.Usagef("%w", err)
	}
	if f.timeout < 0 {
		return lab.Options{}, cli.Usagef("flag --timeout: %v is negative", f.timeout)
	}
	opt := lab.Options{
		Kernel: f.kernel, VM: vm, SMP: f.smp, Suite: f.suite, Modules: f.modules, Memory: int64(f.memory), Timeout: f.timeout, Log: cmd.ErrOrStderr(),
	}
	for _, e := range f.env {
		name, _, given := strings.Cut(e, "=")
		if name == "" {
			return lab.Options{}, cli.Usagef("flag --env: %q names no variable", e)
		}
		if !given {
			value, ok := os.LookupEnv(name)
			if !ok {
				continue
			}
			e = name + "=" + value
		}
		opt.Env = append(opt.Env, e)
	}
	if f.verbose {
		opt.Console = cmd.ErrOrStderr()
	}
	return opt, nil
}

// boot runs the guest and turns its end into an exit status.
func boot(cmd *cobra.Command, opt lab.Options) error {
	img, err := lab.Ready(cmd.Context(), opt.Kernel, opt.VM, opt.Log)
	what := "kernel"
	if err == nil {
		what = "suite"
		_, err = lab.ReadySuite(cmd.Context(), opt.Suite, opt.Log)
	}
	if err != nil {
		if cli.Interrupted(cmd.Context()) {
			return &cli.Error{Code: guest.CodeSignal + int(syscall.SIGINT), Err: fmt.Errorf("interrupted while the %s was being built", what)}
		}
		return labFailed(cmd, err)
	}
	// From here on signals are the command's: it may want to flush and sum up.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	opt.Signals = signals
	if cli.Interrupted(cmd.Context()) {
		return cli.Exit(guest.CodeSignal + int(syscall.SIGINT))
	}
	// Not the command's buffered output: bytes pass as they come.
	opt.Stdin, opt.Stdout, opt.Stderr = os.Stdin, os.Stdout, os.Stderr
	res, err := lab.RunImage(context.WithoutCancel(cmd.Context()), img, opt)
	if err != nil {
		return labFailed(cmd, err)
	}
	for _, w := range res.Warnings {
		cli.Warnf(cmd, "%s", w)
	}
	if res.Message != "" {
		cli.Warnf(cmd, "%s", res.Message)
	}
	if res.Code != 0 {
		return cli.Exit(res.Code)
	}
	return nil
}

// labFailed reports a failure that is not the command's.
func labFailed(cmd *cobra.Command, err error) error {
	labcli.PrintDetails(cmd, err)
	return &cli.Error{Code: guest.CodeLab, Err: err}
}
