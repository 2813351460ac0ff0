// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/dpscope/dpscope/internal/probe"
	"github.com/dpscope/dpscope/nl"
)

// expect reads what the environment says the kernel has ("true" or "false"):
// the lab knows, the probe has to find out. Without it a kernel that lacks the
// modules, or a user who may not look, skips the test.
func expect(t *testing.T, name string, got bool, err error) {
	t.Helper()
	want, known := os.LookupEnv(name)
	switch {
	case known:
		b, perr := strconv.ParseBool(want)
		if perr != nil {
			t.Fatalf("%s=%s: %v", name, want, perr)
		}
		if err != nil || got != b {
			t.Fatalf("probe says %t, %v; %s says %t", got, err, name, b)
		}
	case errors.Is(err, nl.ErrUnsupported), errors.Is(err, syscall.EPERM):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

func TestSampleCookie(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := probe.SampleCookie(ctx)
	expect(t, "DPSCOPE_HAVE_SAMPLE_COOKIE", got, err)
}

func TestPsampleAction(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := probe.PsampleAction(ctx)
	expect(t, "DPSCOPE_HAVE_PSAMPLE_ACTION", got, err)
}

// TestCancelled: a probe that may not run ends with the context's error.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ok, err := probe.SampleCookie(ctx)
	if errors.Is(err, syscall.EPERM) {
		t.Skip(err)
	}
	if ok || !errors.Is(err, context.Canceled) {
		t.Errorf("got %t, %v; want the context's error", ok, err)
	}
}
