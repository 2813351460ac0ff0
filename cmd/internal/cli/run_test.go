// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/nl"
)

// tool is a command tree whose "do" ends with err.
func tool(err error) *cobra.Command {
	root := &cobra.Command{Use: "tool"}
	do := &cobra.Command{Use: "do", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		fmt.Fprintln(cmd.OutOrStdout(), "data")
		return err
	}}
	do.Flags().Int("number", 0, "a number")
	root.AddCommand(do)
	return root
}

func TestRunStatusAndStreams(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   string
		err    error
		status int
		stderr string // substring; "" = nothing at all
	}{
		{name: "success", args: "do"},
		{name: "failure", args: "do", err: errors.New("no luck"), status: ExitFailed, stderr: "tool: no luck\n"},
		{name: "two lines become one", args: "do", err: errors.New("no\nluck"), status: ExitFailed, stderr: "tool: no luck\n"},
		{name: "unsupported", args: "do", err: fmt.Errorf("x: %w", &nl.UnsupportedError{Feature: "f"}), status: ExitUnsupported, stderr: "f: not supported"},
		{name: "usage found late", args: "do", err: Usagef("bad rate"), status: ExitUsage, stderr: "tool: bad rate\n"},
		{name: "quiet status", args: "do", err: Exit(ExitInconclusive), status: ExitInconclusive},
		{name: "reader went away", args: "do", err: fmt.Errorf("write: %w", syscall.EPIPE)},
		{name: "unknown command", args: "dance", status: ExitUsage, stderr: `unknown command "dance"`},
		{name: "no command", args: "", status: ExitUsage, stderr: "a command is missing (see: tool --help)"},
		{name: "unknown flag", args: "do --loud", status: ExitUsage, stderr: "unknown flag: --loud (see: tool do --help)"},
		{name: "flag value", args: "do --number x", status: ExitUsage, stderr: `invalid argument "x"`},
		{name: "stray argument", args: "do it", status: ExitUsage, stderr: "see: tool do --help"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			got := Run(context.Background(), tool(tt.err), strings.Fields(tt.args), Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			if got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
			if e := errs.String(); !strings.Contains(e, tt.stderr) || (tt.stderr == "") != (e == "") || strings.Count(e, "\n") > 1 {
				t.Errorf("stderr %q, want one line with %q", e, tt.stderr)
			}
			if tt.args == "do" && out.String() != "data\n" {
				t.Errorf("stdout %q: what was printed before the end must come out", out.String())
			}
			if tt.args != "do" && out.Len() > 0 {
				t.Errorf("stdout carries %q: data only belongs there", out.String())
			}
		})
	}
}

// TestParentUsage: a command that only holds others is not shown as one that
// runs by itself; one that does both is.
func TestParentUsage(t *testing.T) {
	own := tool(nil)
	own.RunE = func(*cobra.Command, []string) error { return nil }
	nested := tool(nil)
	nested.AddCommand(&cobra.Command{Use: "inner"})
	nested.Commands()[1].AddCommand(&cobra.Command{Use: "leaf", RunE: own.RunE})
	for _, tt := range []struct {
		root *cobra.Command
		args []string
		want string
	}{
		{tool(nil), []string{"--help"}, "Usage:\n  tool [command]\n"},
		{tool(nil), []string{"help"}, "Usage:\n  tool [command]\n"},
		{tool(nil), []string{"do", "--help"}, "Usage:\n  tool do [flags]\n"},
		{nested, []string{"help", "inner"}, "Usage:\n  tool inner [command]\n"},
		{own, []string{"--help"}, "Usage:\n  tool [flags]\n  tool [command]\n"},
	} {
		var out, errs bytes.Buffer
		if got := Run(t.Context(), tt.root, tt.args, Streams{Out: &out, Err: &errs}); got != ExitOK || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%v: status %d, no %q in %s%s", tt.args, got, tt.want, &out, &errs)
		}
	}
	var out, errs bytes.Buffer
	if got := Run(t.Context(), nested, []string{"inner"}, Streams{Out: &out, Err: &errs}); got != ExitUsage || out.Len() > 0 {
		t.Errorf("bare parent after its help: status %d, %s%s", got, &out, &errs)
	}
}

// TestIgnoredSignals: what the caller has the process ignore (nohup, a
// background job) must not end it.
func TestIgnoredSignals(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if got := endingSignals(); slices.Contains(got, os.Signal(syscall.SIGHUP)) || !slices.Contains(got, os.Signal(syscall.SIGTERM)) {
		t.Errorf("the tool ends on %v", got)
	}
}

// TestInterruptedText: what a signal cut off says so, and is a cancelled
// context for everybody else.
func TestInterruptedText(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errSignal)
	err := nl.ContextError(ctx)
	if err.Error() != "interrupted" || !errors.Is(err, context.Canceled) || !Interrupted(ctx) {
		t.Errorf("got %v", err)
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestRunReportsWhatStdoutDid(t *testing.T) {
	var errs bytes.Buffer
	if got := Run(context.Background(), tool(nil), []string{"do"}, Streams{Out: closedPipe{}, Err: &errs}); got != ExitOK || errs.Len() > 0 {
		t.Errorf("closed pipe: status %d, stderr %q", got, errs.String())
	}
	if got := Run(context.Background(), tool(nil), []string{"do"}, Streams{Out: fullDisk{}, Err: &errs}); got != ExitFailed || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("full disk: status %d, stderr %q", got, errs.String())
	}
}

func TestVersionFlag(t *testing.T) {
	var out, errs bytes.Buffer
	root := &cobra.Command{Use: "tool", RunE: func(*cobra.Command, []string) error { return errors.New("ran") }}
	if got := Run(context.Background(), root, []string{"--version"}, Streams{Out: &out, Err: &errs}); got != ExitOK || !strings.HasPrefix(out.String(), "tool ") {
		t.Errorf("status %d, stdout %q, stderr %q", got, out.String(), errs.String())
	}
	// The short letter is for verbosity, where a tool has that.
	if got := Run(context.Background(), tool(nil), []string{"-v"}, Streams{Out: &out, Err: &errs}); got != ExitUsage {
		t.Errorf("-v: status %d, stdout %q", got, out.String())
	}
}

func TestPrintList(t *testing.T) {
	var out bytes.Buffer
	if err := PrintList[int](&out, "numbers/1", nil, false); err != nil || out.String() != `{"schema":"numbers/1","items":[]}`+"\n" {
		t.Errorf("nil list: %q, %v", out.String(), err)
	}
}

// TestList: a list written item by item is what PrintList writes of the whole.
func TestList(t *testing.T) {
	type item struct {
		A string         `json:"a"`
		B map[string]int `json:"b,omitempty"`
	}
	for _, items := range [][]item{nil, {{A: "<x>"}}, {{A: "1", B: map[string]int{"y": 2}}, {}}} {
		for _, pretty := range []bool{false, true} {
			var want, got bytes.Buffer
			if err := PrintList(&want, "things/1", items, pretty); err != nil {
				t.Fatal(err)
			}
			l := NewList(&got, "things/1", pretty)
			for _, it := range items {
				if err := l.Add(it); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if got.String() != want.String() {
				t.Errorf("got %s, want %s", &got, &want)
			}
		}
	}
	if err := NewList(fullDisk{}, "x/1", false).Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: %v", err)
	}
}
