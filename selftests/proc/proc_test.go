// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sh(t *testing.T, script string) *Proc {
	t.Helper()
	p, err := Start(Options{}, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestReadyThenSignalled(t *testing.T) {
	p := sh(t, `trap 'echo bye; exit 3' TERM; echo data; echo ready >&2; while :; do sleep 0.01; done`)
	if err := p.WaitStderr(soon(t), "ready"); err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	status, err := p.WaitEnd(soon(t))
	if status != 3 || err != nil || p.Stdout() != "data\nbye\n" || p.Stderr() != "ready\n" {
		t.Errorf("status %d, %v; wrote %q, %q", status, err, p.Stdout(), p.Stderr())
	}
	if err := p.Signal(syscall.SIGTERM); err == nil {
		t.Error("signalled a program that has ended")
	}
	// What was said is said, also afterwards.
	if err := p.WaitStderr(soon(t), "ready"); err != nil {
		t.Error(err)
	}
}

func TestNeverReady(t *testing.T) {
	p := sh(t, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo cause $i >&2; done; exit 7")
	err := p.WaitStderr(soon(t), "ready")
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "cause 12") || strings.Contains(err.Error(), "cause 2\n") {
		t.Errorf("error %v", err)
	}
	if err := p.Ended(); !strings.Contains(err.Error(), "sh: ended: exit status 7: ") {
		t.Errorf("error %v", err)
	}

	p = sh(t, "echo no >&2; exec sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.WaitStderr(ctx, "ready"); err == nil || !strings.Contains(err.Error(), "did not say") {
		t.Errorf("error %v", err)
	}
	if _, err := p.WaitEnd(ctx); err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("error %v", err)
	}
	p.Kill()
	p.Kill()
	if status, err := p.WaitEnd(soon(t)); status != 128+9 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
}

// TestLeftOver ends a program whose child keeps its outputs open.
func TestLeftOver(t *testing.T) {
	p := sh(t, "sleep 30 & echo $!")
	status, err := p.WaitEnd(soon(t))
	if status != 0 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	_ = exec.Command("kill", strings.TrimSpace(p.Stdout())).Run()
}

func TestNotStarted(t *testing.T) {
	if _, err := Start(Options{}); err == nil {
		t.Error("started nothing")
	}
	if _, err := Start(Options{}, "no-such-program-here"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
