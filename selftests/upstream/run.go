// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dpscope/dpscope/selftests/ktap"
)

// Driver is a way to run tests.
type Driver struct {
	// Name is added to the tests' names; empty where there is one way only.
	Name string
	// Boot runs one test to its end in a guest of its own.
	Boot func(context.Context, Test) Ended
}

// Runner runs tests, several at a time, and reports each as it ends.
type Runner struct {
	// Drivers run each test, one after the other.
	Drivers []Driver
	// Place and Skips tell which tests have to skip.
	Place Place
	Skips []KnownSkip
	// Jobs is how many guests there are at a time.
	Jobs int
	// Out takes the KTAP report.
	Out io.Writer
	// Verbose shows the logs of tests that passed, too.
	Verbose bool
	// Notes are diagnostic lines at the head of the report.
	Notes []string
	// Done, if set, is told of each result, one at a time.
	Done func(t Test, driver string, status ktap.Status, took time.Duration)
}

// Result counts the outcomes of a run.
type Result struct {
	ktap.Counts
	// Interrupted tells that not all tests ran.
	Interrupted bool
}

type ended struct {
	Test
	Ended
	driver string
}

// Run runs tests. The error tells that the report could not be written; failed
// tests are in the result.
func (r *Runner) Run(ctx context.Context, tests []Test) (Result, error) {
	all := len(tests) * len(r.Drivers)
	k := ktap.NewWriter(r.Out, all)
	for _, n := range r.Notes {
		k.Note(n)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	interrupted := false
	for e := range r.guests(ctx, tests) {
		if ctx.Err() != nil {
			// Whatever it says, it was cut short.
			interrupted = true
			continue
		}
		r.report(k, e)
		if k.Err() != nil {
			cancel() // nobody reads the report any more
		}
	}
	n := k.Counts()
	if interrupted = interrupted || n.Passed+n.Failed+n.Skipped < all; interrupted {
		k.Bail("interrupted")
	}
	k.Totals()
	if err := k.Err(); err != nil {
		return Result{n, interrupted}, fmt.Errorf("write report: %w", err)
	}
	return Result{n, interrupted}, nil
}

// guests runs the tests and hands each on as it ends. The channel is closed
// when no guest is left.
func (r *Runner) guests(ctx context.Context, tests []Test) <-chan ended {
	next, out := make(chan Test), make(chan ended)
	go func() {
		defer close(next)
		for _, t := range tests {
			select {
			case next <- t:
			case <-ctx.Done():
				return
			}
		}
	}()
	var lanes sync.WaitGroup
	for range max(1, min(r.Jobs, len(tests))) {
		lanes.Go(func() {
			for t := range next {
				for _, d := range r.Drivers {
					out <- ended{t, d.Boot(ctx, t), d.Name}
				}
			}
		})
	}
	go func() {
		lanes.Wait()
		close(out)
	}()
	return out
}

// report writes what there is to say about a test.
func (r *Runner) report(k *ktap.Writer, e ended) {
	o := judge(e.Test, e.Ended)
	settle(&o, r.Skips, e.Name, r.Place)
	name := e.Name
	if e.driver != "" {
		name += "-" + e.driver
	}
	k.Note(fmt.Sprintf("%s: %s (%.1f s)", name, e.Doc, e.Took.Seconds()))
	if o.Status == ktap.Failed || r.Verbose {
		for _, line := range lines(e.Log) {
			k.Note("  " + line)
		}
	}
	for _, line := range o.Lines {
		k.Note(name + ": " + line)
	}
	k.Result(name, o)
	if r.Done != nil {
		r.Done(e.Test, e.driver, o.Status, e.Took)
	}
}
