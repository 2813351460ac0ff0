// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/cases"
	"github.com/dpscope/dpscope/selftests/parity"
)

func parityRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "try random action lists on the running kernel",
		Long: `run tries the lists on the running kernel, in a network namespace of its own, and
writes what the kernel did as JSON Lines, for parity compare. It needs root.`,
		Args: cobra.NoArgs,
	}
	var lists listFlags
	lists.add(cmd)
	timeout := cmd.Flags().Duration("timeout", 30*time.Minute, "limit for all of it, a `DURATION` such as 90s")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		h, err := lists.header()
		if err != nil {
			return err
		}
		if *timeout <= 0 {
			return cli.Usagef("--timeout %v: must be positive", *timeout)
		}
		if err := checkPrivilege(); err != nil {
			return err
		}
		// What is missing shows at once, or in the results.
		_ = cases.LoadModules(cmd.Context())
		o := origin()
		h.Kernel = o.Release
		if o.VM != onHost {
			h.Lab, h.VM = o.Kernel, o.VM
		}
		return parity.Execute(cmd.Context(), h, *timeout, cmd.OutOrStdout())
	}
	return cmd
}

func parityCompareCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compare FILE...",
		Short: "compare results of parity run",
		Long: `compare reads what parity run wrote on several kernels and reports as parity does.
One file alone is held against the model.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("a file is missing (see: dpscope-selftests parity compare --help)")
			}
			return nil
		},
	}
	all := cmd.Flags().Bool("all", false, "show every difference in full")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		rep := parityReport{all: *all}
		for i, path := range args {
			f, err := os.Open(path)
			if err != nil {
				return fmt.Errorf("read results: %w", err)
			}
			run, err := parity.Read(f)
			_ = f.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			rep.runs = append(rep.runs, run)
			rep.kernels = append(rep.kernels, parityKernel{name: cmp.Or(run.Lab, run.Kernel), vm: run.VM, run: i})
		}
		return rep.print(cmd)
	}
	return cmd
}
