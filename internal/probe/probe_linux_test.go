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

// TestFeatures: all features are tried and have an answer, and what the lab
// knows of the kernel is found.
func TestFeatures(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := probe.Features(ctx)
	if errors.Is(err, nl.ErrUnsupported) || errors.Is(err, syscall.EPERM) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, f := range got {
		if f.Err != nil {
			t.Errorf("%s: %v", f.Name, f.Err)
		}
		has[f.Name] = f.Has
	}
	t.Logf("%v", has)
	for _, name := range []string{"trunc", "clone", "check_pkt_len", "dec_ttl", "ct", "meters", "masks_cache", "dispatch_per_cpu"} {
		if !has[name] {
			t.Errorf("%s is not found; all kernels of the lab have it", name)
		}
	}
	if _, known := os.LookupEnv("DPSCOPE_HAVE_PSAMPLE_ACTION"); known {
		expect(t, "DPSCOPE_HAVE_PSAMPLE_ACTION", has["psample"], nil)
		expect(t, "DPSCOPE_HAVE_SAMPLE_COOKIE", has["sample_cookie"], nil)
	}
}
