// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// stragglers is how long a program's outputs are read on after its end when
// something it started still holds them open.
const stragglers = time.Second

// Options say how a program runs.
type Options struct {
	Dir string   // working directory; empty is the current one
	Env []string // whole environment; nil is the current one
	// Name is what messages call it; empty is the program's own, which for a
	// program started by another one says little.
	Name string
}

// Proc is a started program.
type Proc struct {
	name      string
	cmd       *exec.Cmd
	out, errs output
	done      chan struct{}
	waitErr   error // valid once done is closed
	kill      sync.Once
}

// Start starts a program, in a process group of its own and in the network
// namespace of the process, whatever that of the calling thread is. Whoever
// calls it ends it, with Kill at the latest.
func Start(opt Options, argv ...string) (*Proc, error) {
	if len(argv) == 0 {
		return nil, errors.New("start: no program given")
	}
	p := &Proc{
		name: cmp.Or(opt.Name, filepath.Base(argv[0])),
		cmd:  exec.Command(argv[0], argv[1:]...), done: make(chan struct{}),
	}
	p.cmd.Dir, p.cmd.Env = opt.Dir, opt.Env
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	p.cmd.WaitDelay = stragglers
	// It does not outlive a test that is killed. The signal comes when the
	// thread ends that has started it: one is kept for it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.waitErr = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return p, nil
}

// Name is what messages call it.
func (p *Proc) Name() string { return p.name }

// PID is its process id.
func (p *Proc) PID() int { return p.cmd.Process.Pid }

// Stdout is what it has written to standard output so far. Of more than some
// megabytes it is the beginning and the end; a line between them says so.
func (p *Proc) Stdout() string { return p.out.text() }

// Stderr is the same of standard error.
func (p *Proc) Stderr() string { return p.errs.text() }

// Done is closed when the program has ended and its outputs are complete.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Signal sends it a signal.
func (p *Proc) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signal %s: %w", p.Name(), err)
	}
	return nil
}

// Kill ends it by force, with all it has started and left in its process group,
// and waits for its end. Of one that has ended, it ends what is left.
func (p *Proc) Kill() {
	// Once: the group's number may be somebody else's later.
	p.kill.Do(func() { _ = syscall.Kill(-p.PID(), syscall.SIGKILL) })
	<-p.done
}

// WaitStderr waits until the program has written a text to standard error.
func (p *Proc) WaitStderr(ctx context.Context, text string) error {
	w := p.errs.watch(text)
	defer p.errs.unwatch(w)
	select {
	case <-w.found:
		return nil
	case <-p.done:
	case <-ctx.Done():
		return p.failed(fmt.Sprintf("did not say %q: %v", text, context.Cause(ctx)))
	}
	select {
	case <-w.found: // right before its end
		return nil
	default:
		return p.failed(fmt.Sprintf("ended (%s) without saying %q", p.fate(), text))
	}
}

// WaitEnd waits for the program's end and gives its exit status, 128+N if
// signal N ended it.
func (p *Proc) WaitEnd(ctx context.Context) (status int, err error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		return -1, p.failed(fmt.Sprintf("does not end: %v", context.Cause(ctx)))
	}
	return Status(p.waitErr)
}

// Ended describes the end of a program that was not to end.
func (p *Proc) Ended() error { return p.failed("ended: " + p.fate()) }

func (p *Proc) fate() string {
	if p.waitErr == nil {
		return "exit status 0"
	}
	return p.waitErr.Error()
}

func (p *Proc) failed(what string) error {
	return fmt.Errorf("%s: %s%s", p.name, what, tail(p.Stderr()))
}

// Status makes an exit status of what exec's Run and Wait return, as a shell
// does. Any other failure is returned.
func Status(err error) (int, error) {
	// Outputs cut off after stragglers do not make a failure of a success.
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return 0, nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return -1, err
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return exit.ExitCode(), nil
}
