// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/dpscope/dpscope/nl"
)

// trialTimeout bounds a Trial.
const trialTimeout = 20 * time.Second

// Trial runs fn like a case, in a network namespace of its own, outside of any
// report: for probes that are made of the same steps as cases. The error tells
// why fn failed.
func Trial(ctx context.Context, fn func(t *T)) error {
	return TrialWithin(ctx, trialTimeout, fn)
}

// TrialWithin is Trial with a time limit of its own.
func TrialWithin(ctx context.Context, limit time.Duration, fn func(t *T)) error {
	tctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := &T{ctx: tctx, c: Case{Run: fn}, features: NewFeatures(nil)}
	done := make(chan struct{})
	err := NetNSSandbox(func(ns *nl.NetNS) {
		t.ns = ns
		t.run()
	}, func() { close(done) })
	if err != nil {
		return err
	}
	// A little more than the time there is, for cleaning up.
	if !wait(done, limit+trialTimeout/4) {
		return errors.New("does not end")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.failed {
		return nil
	}
	if len(t.lines) == 0 {
		return errors.New("failed without a reason")
	}
	return errors.New(strings.Join(t.lines, "; "))
}
