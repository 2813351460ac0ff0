// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Streams are a command's input and outputs. Stdout carries data only; messages
// go to Err.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

var errSignal = errors.New("interrupted")

// Main runs a command tree as a process and exits with its status.
func Main(root *cobra.Command) {
	// A closed pipe must come back as EPIPE: the default would kill the
	// process before it removed what it created.
	signal.Ignore(syscall.SIGPIPE)
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 1)
	if s := endingSignals(); len(s) > 0 { // Notify takes none for all
		signal.Notify(ch, s...)
	}
	go func() {
		<-ch
		cancel(errSignal)
		// A second signal means now: fall back to the default action.
		signal.Stop(ch)
	}()
	os.Exit(Run(ctx, root, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// endingSignals are the signals that end a command, without those the caller
// had the process ignore: a tool started by nohup outlives its terminal.
func endingSignals() []os.Signal {
	return slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}, signal.Ignored)
}

// Run runs a command tree and returns its exit status. The context given to
// RunE ends on SIGINT, SIGTERM and SIGHUP; a command then flushes, cleans up
// and returns nil unless something was lost. Stdout is buffered and flushed at
// the end; a streaming command flushes by itself (Flush).
func Run(ctx context.Context, root *cobra.Command, args []string, s Streams) int {
	out := bufio.NewWriterSize(s.Out, 64<<10)
	started := false
	bare := map[*cobra.Command]bool{}
	prepare(root, &started, bare)
	root.SetUsageFunc(usageWithout(bare, root.UsageFunc()))
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(out)
	root.SetErr(s.Err)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.Version = Version()
	if root.Flags().Lookup("version") == nil { // cobra's own takes -v
		root.Flags().Bool("version", false, "print the version")
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")

	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !started {
		// Everything before RunE is cobra judging the command line.
		if _, ok := errors.AsType[*Error](err); !ok {
			err = Usagef("%w (see: %s --help)", err, cmd.CommandPath())
		}
	}
	if ferr := out.Flush(); ferr != nil && err == nil {
		err = fmt.Errorf("write standard output: %w", ferr)
	}
	if err != nil && !quiet(err) {
		fmt.Fprintf(s.Err, "%s: %s\n", root.Name(), oneLine(err.Error()))
	}
	return Status(err)
}

// oneLine keeps a message on one line, whatever a cause carries in it.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

// prepare marks where usage errors end, and makes a bare parent command a usage
// error instead of a silent success. It collects these in bare.
func prepare(c *cobra.Command, started *bool, bare map[*cobra.Command]bool) {
	if run := c.RunE; run != nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return run(cmd, args)
		}
	} else if c.Run == nil && c.HasSubCommands() {
		bare[c] = true
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return Usagef("unknown command %q (see: %s --help)", args[0], cmd.CommandPath())
			}
			return Usagef("a command is missing (see: %s --help)", cmd.CommandPath())
		}
	}
	for _, sub := range c.Commands() {
		prepare(sub, started, bare)
	}
}

// usageWithout keeps usage from showing bare parents as commands that run:
// only cobra takes them for such, because of what prepare gave them.
func usageWithout(bare map[*cobra.Command]bool, usage func(*cobra.Command) error) func(*cobra.Command) error {
	return func(c *cobra.Command) error {
		if bare[c] {
			defer func(run func(*cobra.Command, []string) error) { c.RunE = run }(c.RunE)
			c.RunE = nil
		}
		return usage(c)
	}
}

// Flush writes out what the command has printed so far.
func Flush(cmd *cobra.Command) error {
	if w, ok := cmd.OutOrStdout().(*bufio.Writer); ok {
		if err := w.Flush(); err != nil {
			return fmt.Errorf("write standard output: %w", err)
		}
	}
	return nil
}

// Warnf prints a message line on stderr, in the form errors have.
func Warnf(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", cmd.Root().Name(), oneLine(fmt.Sprintf(format, args...)))
}
