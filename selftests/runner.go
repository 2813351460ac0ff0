// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/selftests/ktap"
)

// DefaultTimeout bounds a case that sets no limit of its own.
const DefaultTimeout = 60 * time.Second

// defaultGrace is the time to end where none is set.
const defaultGrace = 5 * time.Second

// Runner runs cases one after the other: what the kernel logs can then be laid
// at the door of one case, and no case disturbs another's statistics.
type Runner struct {
	Features *Features
	// Sandbox calls run in the surroundings a case wants (a locked thread in
	// a fresh network namespace) and returns at once; done is called when run
	// has ended, also if it ended its goroutine. The error tells that the
	// surroundings could not be had; neither function is called then.
	Sandbox func(run func(*nl.NetNS), done func()) error
	// Log is the kernel's log; nil leaves it unwatched.
	Log KernelLog
	// Out takes the KTAP report, line by line.
	Out io.Writer
	// Verbose shows the diagnostics of passed cases, too.
	Verbose bool
	// NoSkip makes a failure of every skip but over an optional feature: for
	// kernels that are known to have everything.
	NoSkip bool
	// Notes are diagnostic lines at the head of the report.
	Notes []string

	// Grace is how long a case whose time is up may take to end by itself;
	// Settle how long late kernel messages are waited for at the end of the
	// run; Timeout the limit of cases without one. 0 is a sensible default.
	Grace, Settle, Timeout time.Duration
}

// Result counts the outcomes of a run.
type Result struct {
	Passed, Failed, Skipped int
	// Interrupted tells that not all cases ran.
	Interrupted bool
}

// OK tells that nothing failed and everything ran.
func (r Result) OK() bool { return r.Failed == 0 && !r.Interrupted }

// AllSkipped tells that there was nothing to test on this kernel.
func (r Result) AllSkipped() bool { return r.OK() && r.Passed == 0 && r.Skipped > 0 }

// outcome is how a case ended, and what feature a skip is for.
type outcome struct {
	ktap.Outcome
	over Feature
}

// Run runs the cases and writes the report. The error tells that the report
// could not be written or that the cases are unfit; failed cases are in the
// result.
func (r *Runner) Run(ctx context.Context, cases []Case) (Result, error) {
	if err := Validate(cases); err != nil {
		return Result{}, err
	}
	k := ktap.NewWriter(r.Out, len(cases))
	for _, n := range r.Notes {
		k.Note(n)
	}
	log := r.watchLog(k)
	var res Result
	for i, c := range ordered(cases) {
		if ctx.Err() != nil {
			res.Interrupted = true
			break
		}
		if k.Err() != nil {
			break // nobody reads the report any more
		}
		start := time.Now()
		o := r.runCase(ctx, c)
		if i == len(cases)-1 && log != nil {
			// Namespaces are torn down in the background; what goes wrong
			// there has to be caught, too.
			sleep(ctx, orDefault(r.Settle, 300*time.Millisecond))
		}
		log.check(&o.Outcome)
		if o.Status == ktap.Skipped && r.NoSkip && !r.Features.optional(o.over) {
			o.Failf("skipped (%s), but nothing may be skipped in this run", o.Reason)
		}
		r.report(k, c, o.Outcome, time.Since(start))
	}
	n := k.Counts()
	res.Passed, res.Failed, res.Skipped = n.Passed, n.Failed, n.Skipped
	if res.Interrupted {
		k.Bail("interrupted")
	}
	k.Totals()
	if err := k.Err(); err != nil {
		return res, fmt.Errorf("write report: %w", err)
	}
	return res, nil
}

func (r *Runner) report(k *ktap.Writer, c Case, o ktap.Outcome, took time.Duration) {
	if r.Verbose {
		k.Note(fmt.Sprintf("%s: %s (%d ms)", c.Name, c.Doc, took.Milliseconds()))
	}
	if o.Status == ktap.Failed || r.Verbose {
		for _, l := range o.Lines {
			k.Note(c.Name + ": " + l)
		}
	}
	k.Result(c.Name, o)
}

// runCase runs one case and judges it.
func (r *Runner) runCase(ctx context.Context, c Case) outcome {
	for _, f := range c.Needs {
		has, err := r.Features.Has(ctx, f)
		if err != nil {
			o := outcome{}
			o.Failf("%v", err)
			return o
		}
		if !has {
			return outcome{ktap.Outcome{Status: ktap.Skipped, Reason: skipReason(f, r.Features.Since(f))}, f}
		}
	}
	limit := orDefault(c.Timeout, orDefault(r.Timeout, DefaultTimeout))
	cctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := &T{ctx: cctx, c: c, features: r.Features}
	done := make(chan struct{})
	if err := r.start(t, done); err != nil {
		o := outcome{}
		o.Failf("%v", err)
		return o
	}
	select {
	case <-done:
	case <-cctx.Done():
	}
	// What a case found that ended because its time was up says nothing.
	if cctx.Err() != nil {
		r.overdue(t, done, limit)
	}
	return r.judge(ctx, t)
}

// start starts the case in the sandbox. That, too, may hang, when an earlier
// case has left the kernel with a lock held.
func (r *Runner) start(t *T, done chan<- struct{}) error {
	started := make(chan error, 1)
	go func() {
		started <- r.Sandbox(func(ns *nl.NetNS) {
			t.ns = ns
			t.run()
		}, func() { close(done) })
	}()
	select {
	case err := <-started:
		return err
	case <-t.ctx.Done():
	}
	// The case may be running all the same, and be what ended the context.
	select {
	case err := <-started:
		return err
	case <-time.After(orDefault(r.Grace, defaultGrace)):
		return fmt.Errorf("the network namespace was not there in time: %w", t.ctx.Err())
	}
}

// overdue deals with a case whose time is up, whether it has noticed or not.
func (r *Runner) overdue(t *T, done <-chan struct{}, limit time.Duration) {
	grace := orDefault(r.Grace, defaultGrace)
	if errors.Is(t.ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("timeout after %v", limit)
	} else {
		t.Errorf("interrupted")
	}
	if wait(done, grace) {
		return
	}
	t.Errorf("does not end: cleaning up behind its back")
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		t.cleanup()
	}()
	if !wait(swept, grace) {
		t.Errorf("its cleanup does not end, either")
	}
}

// judge makes an outcome of what the case left behind, and verifies a skip: the
// case may only have skipped over a feature that is absent.
func (r *Runner) judge(ctx context.Context, t *T) outcome {
	t.mu.Lock()
	o := outcome{Outcome: ktap.Outcome{Lines: slices.Clone(t.lines)}}
	hasFailed, over := t.failed, t.skipped
	t.mu.Unlock()
	switch {
	case hasFailed:
		o.Status = ktap.Failed
	case over != "":
		o.over, o.Status, o.Reason = over, ktap.Skipped, skipReason(over, r.Features.Since(over))
		switch has, err := r.Features.Has(ctx, over); {
		case err != nil:
			o.Failf("skipped, but: %v", err)
		case has:
			o.Failf("skipped over feature %s, which this kernel has", over)
		}
	}
	return o
}

func wait(ch <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ch:
		return true
	case <-timer.C:
		return false
	}
}

func sleep(ctx context.Context, d time.Duration) { wait(ctx.Done(), d) }

func orDefault(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}
