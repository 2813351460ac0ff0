// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/proc"
)

// patience bounds how long a started command may take to get ready or to end.
const patience = 30 * time.Second

// cmdStart starts a streaming command and returns once it has said on stderr
// that it is ready:
//
//	start NAME COMMAND [ARG...]
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME COMMAND [ARG...]")
	}
	p, err := proc.Start(proc.Options{Dir: ts.MkAbs(".")}, args[1:]...)
	ts.Check(err)
	// A script that fails before "end" must not leave the process behind.
	ts.Defer(p.Kill)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(p.WaitStderr(ctx, "ready"))
	running[ts.Name()+"/"+args[0]] = p
}

// running holds what scripts started; scripts run one after the other.
var running = map[string]*proc.Proc{}

func find(ts *testscript.TestScript, name string) *proc.Proc {
	p := running[ts.Name()+"/"+name]
	if p == nil {
		ts.Fatalf("%s was not started", name)
	}
	return p
}

// cmdSignal sends a signal to a started command: signal NAME INT|TERM|KILL.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME INT|TERM|KILL")
	}
	sig := unix.SignalNum("SIG" + args[1])
	if sig == 0 {
		ts.Fatalf("unknown signal %s", args[1])
	}
	ts.Check(find(ts, args[0]).Signal(sig))
}

// cmdEnd waits for a started command and wants this exit status; its outputs
// become the script's stdout and stderr:
//
//	end NAME STATUS
func cmdEnd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: end NAME STATUS")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	p := find(ts, args[0])
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := p.WaitEnd(ctx)
	ts.Check(err)
	_, _ = ts.Stdout().Write([]byte(p.Stdout()))
	_, _ = ts.Stderr().Write([]byte(p.Stderr()))
	if got != want {
		ts.Fatalf("%s: exit status %d, want %d", args[0], got, want)
	}
}
