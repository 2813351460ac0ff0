// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/internal/labcli"
	"github.com/dpscope/dpscope/selftests/ktap"
	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
	"github.com/dpscope/dpscope/selftests/upstream"
)

// labFlags are those of the commands that run things of the kernel's source in
// guests.
type labFlags struct {
	upstream.Options
	vm labcli.VM
}

func (f *labFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.Series, "series", upstream.Series[0], "kernel series whose source it is taken from: "+strings.Join(upstream.Series, " or "))
	fl.StringVar(&f.Kernel, "kernel", kernels.Default, "kernel to judge (see: dplab list)")
	f.vm.Add(cmd)
	fl.StringVar(&f.Suite, "suite", "trixie", "userland of the guests: a Debian suite (see: dplab list)")
	_ = cmd.RegisterFlagCompletionFunc("series", cobra.FixedCompletions(upstream.Series, cobra.ShellCompDirectiveNoFileComp))
}

func (f *labFlags) options(cmd *cobra.Command) upstream.Options {
	opt := f.Options
	opt.VM = kernels.VM(f.vm)
	opt.Log = cmd.ErrOrStderr()
	return opt
}

// labError gives an error of the lab its exit status, and prints what it
// carries beyond its one line.
func labError(cmd *cobra.Command, err error) error {
	labcli.PrintDetails(cmd, err)
	switch {
	case errors.Is(err, kernels.ErrUnknown) || errors.Is(err, suites.ErrUnknown) || errors.Is(err, upstream.ErrUnknownSeries):
		return cli.Usagef("%w", err)
	case errors.Is(err, build.ErrTools) || errors.Is(err, build.ErrUnavailable):
		return &cli.Error{Code: cli.ExitUnsupported, Err: err}
	}
	return err
}

func upstreamCommand() *cobra.Command {
	var flags labFlags
	cmd := &cobra.Command{
		Use:   "upstream [TEST...]",
		Short: "run the kernel's own Open vSwitch tests on a kernel of the lab",
		Long: `upstream runs tools/testing/selftests/net/openvswitch of a kernel's source on a
kernel of the lab, all tests or those that are named, and reports in KTAP with
the time of each and the whole log of those that fail. The tests are those of
Debian's source package; each has a guest of its own. It needs no root.

They are driven by the Python tool that is part of them, or with --tool ours by
the ovs-dpctl beside dpscope-selftests in its place. With --tool both each test
runs with one and then the other, and a table of the results and times follows;
--write puts that into a document, between the lines that mark its place
("upstream SERIES on KERNEL").

A test that skips fails, but for those that are known to have to, which must
skip: --list names them. A warning or worse in the kernel's log fails a test,
too.

Exit status: 0 all passed or had to skip; 1 one failed, or the run was
interrupted; 2 usage; 3 kernel, source or userland are not to be had; 4
everything was skipped.`,
		Example: `  dpscope-selftests upstream psample netlink_checks
  dpscope-selftests upstream --series 7.2 --kernel 7.2
  dpscope-selftests upstream --vm qemu --suite trixie
  dpscope-selftests upstream --tool both --kernel 6.12
  dpscope-selftests upstream --list`,
	}
	flags.add(cmd)
	fl := cmd.Flags()
	tool := fl.String("tool", upstream.Python.Name, "what drives the datapath in the tests: python, their own tool; ours, ovs-dpctl; or both")
	write := fl.String("write", "", "with --tool both, put the table into this Markdown `DOCUMENT`")
	jobs := fl.IntP("jobs", "J", runtime.NumCPU(), "guests at a time")
	timeout := fl.Duration("timeout", 0, fmt.Sprintf("limit for each test, a `DURATION` such as 90s (default: %v, with --vm %s %v)",
		upstream.DefaultTimeout(kernels.UML), kernels.QEMU, upstream.DefaultTimeout(kernels.QEMU)))
	verbose := fl.BoolP("verbose", "v", false, "show the logs of tests that passed, too")
	list := fl.Bool("list", false, "only list the tests")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("timeout") && *timeout <= 0 {
			return cli.Usagef("--timeout %v: must be positive", *timeout)
		}
		if *jobs <= 0 {
			return cli.Usagef("--jobs %d: must be positive", *jobs)
		}
		path, err := besideUs("ovs-dpctl")
		if err != nil {
			return err
		}
		tools, err := upstream.FindTools(*tool, path)
		if err != nil {
			return cli.Usagef("%w", err)
		}
		if *write != "" && len(tools) < 2 {
			return cli.Usagef("--write %s: there is a table with --tool both only", *write)
		}
		opt := flags.options(cmd)
		tests, place, err := upstream.Tests(cmd.Context(), opt)
		if err != nil {
			return labError(cmd, err)
		}
		if tests, err = upstream.Select(tests, args); err != nil {
			return cli.Usagef("%w", err)
		}
		if *list {
			return listUpstream(cmd, tests, place)
		}
		suite, err := upstream.OpenSuite(cmd.Context(), opt, tools, cmp.Or(*timeout, upstream.DefaultTimeout(opt.VM)))
		if err != nil {
			return labError(cmd, err)
		}
		defer func() { _ = suite.Close() }()
		r := upstream.Runner{
			Drivers: suite.Drivers(), Place: place, Skips: upstream.KnownSkips, Jobs: *jobs,
			Out: lineFlusher{cmd}, Verbose: *verbose, Notes: suite.Notes(),
		}
		if len(tools) < 2 {
			return runUpstream(cmd, r, tests)
		}
		c := upstream.Comparison{Tools: [2]string{tools[0].Name, tools[1].Name}}
		r.Done = func(t upstream.Test, driver string, status ktap.Status, took time.Duration) {
			c.Add(t.Name, driver, status, took)
		}
		err = runUpstream(cmd, r, tests)
		if cmd.Context().Err() != nil {
			return err
		}
		return errors.Join(err, writeComparison(cmd, &c, tests, opt, *write))
	}
	return cmd
}

// besideUs is the path of another of our programs.
func besideUs(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// writeComparison prints the table below the report, as comments, and puts it
// into the document if there is to be one.
func writeComparison(cmd *cobra.Command, c *upstream.Comparison, tests []upstream.Test, opt upstream.Options, document string) error {
	var table strings.Builder
	if err := c.WriteMarkdown(&table, tests); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		fmt.Fprintf(cmd.OutOrStdout(), "# %s", line)
	}
	if worse := c.Worse(); len(worse) > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "# pass with %s only: %s\n", c.Tools[0], strings.Join(worse, " "))
	}
	if document == "" {
		return nil
	}
	return writeBlock(document, fmt.Sprintf("upstream %s on %s", opt.Series, opt.Kernel), func(w io.Writer) error {
		_, err := io.WriteString(w, table.String())
		return err
	})
}

// listUpstream prints the tests, and why one has to skip.
func listUpstream(cmd *cobra.Command, tests []upstream.Test, place upstream.Place) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, t := range tests {
		doc := t.Doc
		if why, ok := upstream.Known(upstream.KnownSkips, t.Name, place); ok {
			doc += " (skips: " + why + ")"
		}
		fmt.Fprintf(w, "%s\t%s\n", t.Name, doc)
	}
	return w.Flush()
}

func runUpstream(cmd *cobra.Command, r upstream.Runner, tests []upstream.Test) error {
	res, err := r.Run(cmd.Context(), tests)
	switch {
	case errors.Is(err, unix.EPIPE):
		// Quiet, but no success: tests were left out.
		return cli.Exit(cli.ExitFailed)
	case err != nil:
		return err
	case res.Interrupted:
		return errors.New("interrupted before all tests had run")
	case res.Failed > 0:
		return cli.Exit(cli.ExitFailed)
	case res.Passed == 0 && res.Skipped > 0:
		return cli.Exit(cli.ExitSkip)
	}
	return nil
}

func specsCommand() *cobra.Command {
	var flags labFlags
	cmd := &cobra.Command{
		Use:   "specs",
		Short: "check the netlink specifications with the kernel's ynl",
		Long: `specs holds the netlink specifications of psample and ovs_flow (kmod/specs)
against a kernel of the lab with ynl, the tool in the kernel's source that
encodes and decodes netlink by such specifications: the schema, psample's groups
and their events, flows with the psample action, and samples, which must say
what psample-listen says of them. It reports in KTAP and needs no root.

Exit status: 0 all passed; 1 something failed; 2 usage; 3 kernel, source or
userland are not to be had.`,
		Example: `  dpscope-selftests specs --kernel 6.12`,
		Args:    cobra.NoArgs,
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opt := flags.options(cmd)
		ok, err := upstream.Specs(cmd.Context(), opt, lineFlusher{cmd})
		switch {
		case err != nil:
			return labError(cmd, err)
		case !ok:
			return cli.Exit(cli.ExitFailed)
		}
		return nil
	}
	return cmd
}

func dialectCommand() *cobra.Command {
	var flags labFlags
	cmd := &cobra.Command{
		Use:   "dialect",
		Short: "compare ovs-dpctl with the kernel selftests' ovs-dpctl.py",
		Long: `dialect gives the same commands to ovs-dpctl.py of a kernel's source and to the
ovs-dpctl beside dpscope-selftests, called by that name, each in a network
namespace of its own on a kernel of the lab, and compares standard output and
exit statuses, the flows and devices that come of it, upcalls and samples. It
reports in KTAP and needs no root. docs/kselftest-dialect.md lists what may differ.

Exit status: 0 all passed; 1 something failed; 2 usage; 3 kernel, source or
userland are not to be had.`,
		Example: `  dpscope-selftests dialect --kernel 6.12
  dpscope-selftests dialect --series 7.2 --kernel 7.2 --suite sid`,
		Args: cobra.NoArgs,
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		path, err := besideUs("ovs-dpctl")
		if err != nil {
			return err
		}
		ok, err := upstream.Dialect(cmd.Context(), flags.options(cmd), path, lineFlusher{cmd})
		switch {
		case err != nil:
			return labError(cmd, err)
		case !ok:
			return cli.Exit(cli.ExitFailed)
		}
		return nil
	}
	return cmd
}
