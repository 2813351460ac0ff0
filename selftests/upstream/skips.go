// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"slices"

	"github.com/dpscope/dpscope/selftests/ktap"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// Place is where tests run.
type Place struct {
	Kernel kernels.Kernel
	Suite  suites.Suite
}

// KnownSkip is a test that has to skip somewhere.
type KnownSkip struct {
	Test string
	// On tells where.
	On func(Place) bool
	// Why says in a line what is missing there.
	Why string
}

// KnownSkips are the only skips that are no failures. The first that fits
// gives the reason.
var KnownSkips = []KnownSkip{
	{
		Test: "drop_reason",
		On:   func(p Place) bool { return p.Kernel.VM == kernels.UML },
		Why:  "counts drops with perf and tracepoints, which user-mode Linux lacks",
	},
	{
		Test: "drop_reason",
		On:   func(p Place) bool { return !slices.Contains(p.Suite.Packages(), "linux-perf") },
		Why:  "counts drops with perf, which the lab's userlands lack",
	},
}

// Known finds the reason for which a test has to skip.
func Known(skips []KnownSkip, test string, p Place) (why string, ok bool) {
	for _, s := range skips {
		if s.Test == test && s.On(p) {
			return s.Why, true
		}
	}
	return "", false
}

// settle holds an outcome against what is known: nothing else may skip, and
// what is known to skip must, or the list hides something.
func settle(o *ktap.Outcome, skips []KnownSkip, test string, p Place) {
	why, expected := Known(skips, test, p)
	switch {
	case o.Status == ktap.Skipped && expected:
		o.Reason = why
	case o.Status == ktap.Skipped:
		o.Failf("skipped (%s), which nothing allows here", o.Reason)
	case o.Status == ktap.Passed && expected:
		o.Failf("passed, but is listed as one that has to skip here: %s", why)
	}
}
