// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// patience bounds how long a started command may take to get ready or to end.
const patience = 30 * time.Second

// background is a command that runs beside the script.
type background struct {
	cmd   *exec.Cmd
	out   bytes.Buffer
	errs  lockedBuffer
	ready chan struct{}
	done  chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.WriteString(line + "\n")
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// cmdStart starts a streaming command and returns once it has said on stderr
// that it is ready:
//
//	start NAME COMMAND [ARG...]
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME COMMAND [ARG...]")
	}
	bg := &background{cmd: exec.Command(args[1], args[2:]...), ready: make(chan struct{}), done: make(chan error, 1)}
	bg.cmd.Dir = ts.MkAbs(".")
	bg.cmd.Stdout = &bg.out
	r, w, err := os.Pipe()
	ts.Check(err)
	bg.cmd.Stderr = w
	ts.Check(bg.cmd.Start())
	ts.Check(w.Close())
	go func() {
		said := false
		for sc := bufio.NewScanner(r); sc.Scan(); {
			bg.errs.add(sc.Text())
			if !said && strings.Contains(sc.Text(), "ready") {
				said = true
				close(bg.ready)
			}
		}
		r.Close()
		bg.done <- bg.cmd.Wait()
	}()
	// A script that fails before "end" must not leave the process behind.
	ts.Defer(func() { _ = bg.cmd.Process.Kill() })
	select {
	case <-bg.ready:
	case err := <-bg.done:
		ts.Fatalf("%s ended before it was ready: %v: %s", args[0], err, bg.errs.String())
	case <-time.After(patience):
		ts.Fatalf("%s is not ready: %s", args[0], bg.errs.String())
	}
	running[ts.Name()+"/"+args[0]] = bg
}

// running holds what scripts started; scripts run one after the other.
var running = map[string]*background{}

func find(ts *testscript.TestScript, name string) *background {
	bg := running[ts.Name()+"/"+name]
	if bg == nil {
		ts.Fatalf("%s was not started", name)
	}
	return bg
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
	ts.Check(find(ts, args[0]).cmd.Process.Signal(sig))
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
	bg := find(ts, args[0])
	select {
	case err = <-bg.done:
	case <-time.After(patience):
		ts.Fatalf("%s does not end: %s", args[0], bg.errs.String())
	}
	_, _ = ts.Stdout().Write(bg.out.Bytes())
	_, _ = ts.Stderr().Write([]byte(bg.errs.String()))
	if got := exitStatus(ts, err); got != want {
		ts.Fatalf("%s: exit status %d, want %d", args[0], got, want)
	}
}
