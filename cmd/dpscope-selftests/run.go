// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/cases"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [PATTERN...]",
		Short: "run the cases and report in KTAP",
		Long: `run runs the cases, all or those a PATTERN chooses (see list), and reports each
in KTAP on standard output. It needs root. Warnings and worse that the kernel
logs during a case fail it.

Exit status: 0 all passed or were skipped for good reason; 1 a case failed, the
run was interrupted, or a capability is missing; 2 usage; 4 everything was
skipped.`,
		Example: `  dpscope-selftests run
  dpscope-selftests run -v 'tc-*' ovs-sample-nested`,
		ValidArgsFunction: completeCases,
	}
	verbose := cmd.Flags().BoolP("verbose", "v", false, "show what each case does and found, and the features of the kernel")
	noSkip := cmd.Flags().Bool("no-skip", false, "a skipped case fails: for kernels that should have everything")
	timeout := cmd.Flags().Duration("timeout", selftests.DefaultTimeout, "limit for each case, a `DURATION` such as 90s")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *timeout <= 0 {
			return cli.Usagef("--timeout %v: must be positive", *timeout)
		}
		chosen, err := choose(args)
		if err != nil {
			return err
		}
		if err := checkPrivilege(); err != nil {
			return err
		}
		return runCases(cmd, chosen, options{*verbose, *noSkip, *timeout})
	}
	return cmd
}

type options struct {
	verbose, noSkip bool
	timeout         time.Duration
}

// checkPrivilege says what is missing before every single case does.
func checkPrivilege() error {
	ns, err := nl.NewNetNS()
	if err != nil {
		return err
	}
	return ns.Close()
}

func runCases(cmd *cobra.Command, chosen []selftests.Case, opt options) error {
	ctx := cmd.Context()
	notes := []string{kernelName(), origin().Note()}
	for _, err := range cases.LoadModules(ctx) {
		if opt.verbose {
			notes = append(notes, err.Error())
		}
	}
	features := selftests.NewFeatures(cases.Features())
	if opt.verbose {
		notes = append(notes, describe(ctx, features)...)
	}
	log, err := selftests.OpenKernelLog()
	if err != nil {
		notes = append(notes, "the kernel log is not watched: "+err.Error())
	}
	r := selftests.Runner{
		Features: features, Sandbox: selftests.NetNSSandbox, Log: log, Out: lineFlusher{cmd},
		Verbose: opt.verbose, NoSkip: opt.noSkip, Notes: notes, Timeout: opt.timeout,
	}
	res, err := r.Run(ctx, chosen)
	switch {
	case errors.Is(err, unix.EPIPE):
		// Quiet, but no success: cases were left out.
		return cli.Exit(cli.ExitFailed)
	case err != nil:
		return err
	case res.Interrupted:
		return errors.New("interrupted before all cases had run")
	case res.Failed > 0:
		return cli.Exit(cli.ExitFailed)
	case res.AllSkipped():
		return cli.Exit(cli.ExitSkip)
	}
	return nil
}

// kernelName is release and machine of the running kernel.
func kernelName() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "kernel unknown: " + err.Error()
	}
	str := unix.ByteSliceToString
	return fmt.Sprintf("%s %s %s %s", str(u.Sysname[:]), str(u.Release[:]), str(u.Version[:]), str(u.Machine[:]))
}

// describe tells which features the kernel has.
func describe(ctx context.Context, features *selftests.Features) []string {
	var out []string
	for _, p := range cases.Features() {
		has, err := features.Has(ctx, p.Feature)
		switch {
		case err != nil:
			out = append(out, err.Error())
		case has:
			out = append(out, fmt.Sprintf("feature %s: present", p.Feature))
		default:
			out = append(out, fmt.Sprintf("feature %s: absent, needs %s", p.Feature, p.Since))
		}
	}
	return out
}

// lineFlusher hands every line of the report on at once: whoever watches a run
// wants to see where it stands.
type lineFlusher struct{ cmd *cobra.Command }

func (f lineFlusher) Write(b []byte) (int, error) {
	n, err := f.cmd.OutOrStdout().Write(b)
	if err != nil {
		return n, err
	}
	return n, cli.Flush(f.cmd)
}
