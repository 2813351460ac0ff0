// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/dpscope/dpscope/nl"
)

// T is what a running case reports to. Its methods may be called from any
// goroutine, except those that end the case (Fatalf, Must, SkipUnless, and Has
// when there is no answer), which belong to the goroutine Run was called on.
type T struct {
	ctx      context.Context
	c        Case
	features *Features
	ns       *nl.NetNS

	mu       sync.Mutex
	lines    []string
	failed   bool
	skipped  Feature // what SkipUnless found missing
	ended    bool    // Fatalf or SkipUnless ended the case on purpose
	cleanups []func()
}

// Context ends when the case's time is up or the run is interrupted. Everything
// that waits must heed it.
func (t *T) Context() context.Context { return t.ctx }

// NS is the network namespace the case runs in; nil outside of the sandbox.
func (t *T) NS() *nl.NetNS { return t.ns }

// Logf adds a diagnostic line, shown when the case fails or on demand.
func (t *T) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, strings.Split(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n")...)
}

// Errorf fails the case and goes on.
func (t *T) Errorf(format string, args ...any) {
	t.Logf(format, args...)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
}

// Fatalf fails the case and ends it.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.end()
}

// Must ends the case when a step it builds on failed.
func (t *T) Must(err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Failed tells whether the case has failed so far.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func (t *T) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	runtime.Goexit()
}

// Has tells whether the kernel has a feature the case declared in Needs or
// MayNeed, for cases that expect different things of different kernels.
func (t *T) Has(f Feature) bool {
	if !slices.Contains(t.c.Needs, f) && !slices.Contains(t.c.MayNeed, f) {
		t.Fatalf("asks for feature %s, which the case does not declare", f)
	}
	has, err := t.features.Has(t.ctx, f)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return has
}

// SkipUnless ends the case as skipped when the kernel lacks a feature. It is
// the only way to skip.
func (t *T) SkipUnless(f Feature) {
	if t.Has(f) {
		return
	}
	t.mu.Lock()
	t.skipped = f
	t.mu.Unlock()
	t.end()
}

func skipReason(f Feature, since string) string {
	if since == "" {
		return "no " + string(f)
	}
	return "no " + string(f) + ": needs " + since
}

// Cleanup registers a function that runs when the case has ended, last one
// first, however it ended. It is not called on the case's thread, so it must
// not count on being in its network namespace.
func (t *T) Cleanup(fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, fn)
}

// cleanup runs what Cleanup registered. Each function is taken off the list
// before it runs, so that a second caller (the runner, when the case hangs)
// goes on behind it.
func (t *T) cleanup() {
	for {
		t.mu.Lock()
		n := len(t.cleanups)
		if n == 0 {
			t.mu.Unlock()
			return
		}
		fn := t.cleanups[n-1]
		t.cleanups = t.cleanups[:n-1]
		t.mu.Unlock()
		// On a goroutine of its own: one that ends itself must not take the
		// others along.
		done := make(chan struct{})
		go func() {
			defer close(done)
			t.protect("cleanup", fn)
		}()
		<-done
	}
}

// run is the case from start to end; cleanup follows even if the case ends its
// goroutine.
func (t *T) run() {
	defer t.cleanup()
	t.protect("case", func() { t.c.Run(t) })
}

// protect calls fn and makes a failure of a panic, and of a goroutine that
// ended itself without saying why.
func (t *T) protect(what string, fn func()) {
	finished := false
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic in %s: %v\n%s", what, p, debug.Stack())
			return
		}
		t.mu.Lock()
		ended := t.ended
		t.mu.Unlock()
		if !finished && !ended {
			t.Errorf("%s ended without a verdict", what)
		}
	}()
	fn()
	finished = true
}
