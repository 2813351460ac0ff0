// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// progress is what is known about a run while it lasts.
type progress struct {
	up, started, done bool
	pid               int
	guard             *guardReport // its last word on the kernel
	signal            syscall.Signal
	timedOut          bool
	forced            bool  // ended by us
	gaveUp            bool  // told to end while the output was being passed on
	cause             error // why, when that is a failure
}

// wait follows the run to its end and cleans up. It also tells whether the
// guest came up.
func (m *machine) wait(ctx context.Context) (Result, bool, error) {
	p := m.follow(ctx)

	// The kernel is gone, or the guard is. Without a guard the kernel's
	// processes are ours to end.
	if p.guard == nil && p.pid > 0 {
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
	m.input.stop()
	m.finishOutput(p)
	m.control.close()
	var status wire.Status
	statusErr := wire.ReadJSON(filepath.Join(m.dir, wire.StatusFile), &status)
	_ = m.leash.Close()
	_ = m.guard.Wait()
	for range m.replies {
		// Let its reader end.
	}
	_ = m.bell.Close()
	if err := os.RemoveAll(m.dir); err != nil {
		return Result{Code: CodeLab}, p.up, m.fail(fmt.Errorf("clean up: %w", err))
	}
	res, err := m.judge(ctx, p, status, statusErr)
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.forced && err == nil {
		// A guest that takes no notice of being asked may have a reason.
		for _, line := range m.console.alarms(consoleLines) {
			m.warnings = append(m.warnings, "the guest's kernel said: "+line)
		}
	}
	res.Warnings = m.warnings
	if err == nil && m.lost != nil && p.signal == 0 && !p.timedOut {
		// The command may have ended well: it cannot know.
		return Result{Code: CodeLab, Warnings: m.warnings}, p.up, &Error{Err: m.lost}
	}
	return res, p.up, err
}

// bootLimit is when a guest that has not reported is given up.
func (m *machine) bootLimit() time.Duration {
	switch {
	case m.opt.Machine == nil:
		return bootLimitUML
	case m.opt.Machine.KVM:
		return bootLimitKVM
	}
	return bootLimitTCG
}

// lastWords is how long output already under way may take when the guest was
// ended by force.
const lastWords = 2 * time.Second

// finishOutput waits until the output has been passed on. Nobody may read it:
// what has been told to end must end all the same.
func (m *machine) finishOutput(p *progress) {
	done := make(chan struct{})
	go func() {
		m.copies.Wait()
		close(done)
	}()
	var limit <-chan time.Time
	switch {
	case p.forced:
		limit = time.After(lastWords)
	case p.timedOut || p.signal != 0:
		limit = time.After(m.opt.Grace)
	}
	for {
		select {
		case <-done:
			return
		case <-limit:
			return
		case sig := <-m.opt.Signals:
			if s, ok := sig.(syscall.Signal); ok {
				if p.signal == 0 {
					p.signal = s
				}
				p.gaveUp = true
				return
			}
		case <-m.opt.Resize:
		}
	}
}

// follow handles events until the kernel has ended.
func (m *machine) follow(ctx context.Context) *progress {
	p := &progress{}
	boot := time.NewTimer(m.bootLimit())
	defer boot.Stop()
	var limit, grace <-chan time.Time
	var all <-chan struct{}
	if m.opt.Timeout > 0 {
		t := time.NewTimer(m.opt.Timeout)
		defer t.Stop()
		limit = t.C
	}
	force := func(err error) {
		p.forced = true
		if p.cause == nil {
			p.cause = err
		}
		_, _ = m.leash.Write([]byte{1})
	}
	// ask lets the command end by itself, if it is there to be asked.
	ask := func(sig syscall.Signal) {
		if !p.started || grace != nil {
			force(nil)
			return
		}
		m.control.post(wire.Control{Signal: int(sig)})
		grace = time.After(m.opt.Grace)
	}
	done := ctx.Done()
	for {
		select {
		case r, ok := <-m.replies:
			switch {
			case !ok:
				return p
			case r.Error != "":
				p.cause = errors.New(r.Error)
				return p
			case r.Ended:
				p.guard = &r
				m.drainReports(p)
				return p
			default:
				p.pid = r.Pid
			}
		case r := <-m.reports:
			p.note(r)
			if p.up {
				boot.Stop()
				m.feeding.Do(func() { go m.feed() })
			}
			if r.Kind == wire.ReportDone && m.opt.Machine != nil {
				// Ending it is our part. What it has sent may still be in it.
				limit, all = nil, m.passedOn(r)
			}
		case <-all:
			all = nil
			_, _ = m.leash.Write([]byte{1})
		case err := <-m.broken:
			force(err)
		case <-boot.C:
			force(fmt.Errorf("boot: %w for %v", ErrSilent, m.bootLimit()))
		case <-limit:
			limit, p.timedOut = nil, true
			ask(unix.SIGTERM)
		case <-grace:
			force(nil)
		case sig := <-m.opt.Signals:
			if s, ok := sig.(syscall.Signal); ok {
				if p.signal == 0 {
					p.signal = s
				}
				if p.done && m.opt.Machine != nil {
					// Only the reader of the output holds us up.
					p.gaveUp = true
					force(nil)
				} else {
					ask(s)
				}
			}
		case size := <-m.opt.Resize:
			m.control.post(wire.Control{Rows: size.Rows, Cols: size.Cols})
		case <-done:
			done = nil
			force(context.Cause(ctx))
		}
	}
}

func (p *progress) note(r wire.Report) {
	switch r.Kind {
	case wire.ReportUp:
		p.up = true
	case wire.ReportStarted:
		p.up, p.started = true, true
	case wire.ReportDone:
		p.done = true
	}
}

// drainReports takes what the guest said right before its end. The line's last
// writer is gone with the kernel, so its end comes at once.
func (m *machine) drainReports(p *progress) {
	late := time.After(time.Second)
	for {
		select {
		case r := <-m.reports:
			p.note(r)
			continue
		default:
		}
		select {
		case r := <-m.reports:
			p.note(r)
		case <-m.heard:
			if len(m.reports) == 0 {
				return
			}
		case <-late:
			return
		}
	}
}

// judge turns what happened into a result. The status file comes first: the
// kernel may stumble while it powers off.
func (m *machine) judge(ctx context.Context, p *progress, status wire.Status, statusErr error) (Result, error) {
	lab := Result{Code: CodeLab}
	switch {
	case p.timedOut:
		return Result{Code: CodeTimeout, TimedOut: true, Message: fmt.Sprintf("run %s: still running after %v", m.opt.Argv[0], m.opt.Timeout)}, nil
	case ctx.Err() != nil && p.forced && p.signal == 0:
		return lab, m.fail(fmt.Errorf("run %s: %w", m.opt.Argv[0], context.Cause(ctx)))
	case p.gaveUp:
		return Result{Code: CodeSignal + int(p.signal), Signal: int(p.signal)}, nil
	case statusErr == nil && status.Error != "":
		return lab, m.fail(errors.New(status.Error))
	case statusErr == nil && status.Signal != 0:
		return Result{Code: CodeSignal + status.Signal, Signal: status.Signal}, nil
	case statusErr == nil:
		return Result{Code: status.Exit, Message: status.Message}, nil
	case p.signal != 0 && p.forced:
		return Result{Code: CodeSignal + int(p.signal), Signal: int(p.signal)}, nil
	case p.cause != nil:
		return lab, m.fail(p.cause)
	case p.guard == nil:
		return lab, m.fail(errors.New("run: the guard of the guest was killed"))
	default:
		what := "before it was up"
		// Not p.started: a command that ends the machine at once can be
		// faster than that report.
		if p.up {
			what = "while the command ran"
		}
		how := p.guard.How
		if m.opt.Machine != nil && m.console.panicked() {
			how = "died from a panic"
		}
		return lab, m.fail(fmt.Errorf("run %s: the guest's kernel %s %s", m.opt.Argv[0], how, what))
	}
}

func (m *machine) fail(err error) error {
	return &Error{Err: err, Console: m.console.lines(consoleLines)}
}
