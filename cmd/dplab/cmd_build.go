// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/internal/labcli"
	"github.com/dpscope/dpscope/selftests/lab"
	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

func buildCommand() *cobra.Command {
	var machine labcli.VM
	cmd := &cobra.Command{
		Use:   "build [flags] [KERNEL|SUITE...]",
		Short: "build kernels and suites, or bring them up to date",
		Long: `build fetches the Debian packages of the named kernels, of all without a name,
and builds what is to be built; those for user-mode Linux, or with --vm qemu
those for machines. Nothing is done twice: a kernel is built anew
when a package version, a patch, the compiler or dplab's way of building has
changed. It needs no root; the programs it takes are named when they are
missing (exit status 3).

Kernels of other suites come from the Debian mirror this machine is configured
for, checked by apt's signatures. sid moves: a build of all kernels goes on
without its kernel, with a warning; asked for by name, the build ends with
status 3.

The name of a suite stands for its userland (see: dplab run --suite), which is
installed by debootstrap from the same mirror. What is there is used as it is,
also when the suite has newer packages, until it is named here.`,
		ValidArgsFunction: completeBuilds,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := lab.Build(cmd.Context(), kernels.VM(machine), args, cmd.ErrOrStderr())
			switch {
			case err == nil:
				return nil
			case errors.Is(err, lab.ErrUnknown):
				return cli.Usagef("%w", err)
			}
			if cli.Interrupted(cmd.Context()) {
				return err
			}
			labcli.PrintDetails(cmd, err)
			if errors.Is(err, build.ErrTools) || errors.Is(err, build.ErrUnavailable) {
				return &cli.Error{Code: cli.ExitUnsupported, Err: err}
			}
			return err
		},
	}
	machine.Add(cmd)
	return cmd
}

func completeBuilds(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	names, directive := completeKernels(cmd, args, word)
	for _, s := range suites.All() {
		names = append(names, s.Name+"\t"+s.Summary)
	}
	return names, directive
}

// ensureBuilt builds kernel and suite if that is necessary.
func ensureBuilt(cmd *cobra.Command, opt lab.Options) error {
	_, err := lab.Ready(cmd.Context(), opt.Kernel, opt.VM, opt.Log)
	if err == nil {
		_, err = lab.ReadySuite(cmd.Context(), opt.Suite, opt.Log)
	}
	if err != nil {
		return labFailed(cmd, err)
	}
	return nil
}
