// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
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
	// Its child is in its group: Kill ends it.
	child, err := strconv.Atoi(strings.TrimSpace(p.Stdout()))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child, 0); err != nil {
		t.Errorf("the child: %v", err)
	}
	p.Kill()
	isGone(t, child)
}

// isGone wants a process to end soon. It may stay as a zombie if nobody waits.
func isGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d is there", pid)
}

func TestKillTakesGrandchildren(t *testing.T) {
	p := sh(t, "sh -c 'sleep 1000 & echo $! >&2; wait' & wait")
	if err := p.WaitStderr(soon(t), "\n"); err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(p.Stderr()))
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	isGone(t, grandchild)
}

// TestDiesWithItsStarter kills a process that has started a program.
func TestDiesWithItsStarter(t *testing.T) {
	if os.Getenv("PROC_STARTER") != "" {
		p := sh(t, "exec sleep 1000")
		fmt.Fprintf(os.Stderr, "pid %d.\n", p.PID())
		<-p.Done()
	}
	starter, err := Start(Options{Env: append(os.Environ(), "PROC_STARTER=1")}, os.Args[0], "-test.run=^TestDiesWithItsStarter$")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(starter.Kill)
	if err := starter.WaitStderr(soon(t), ".\n"); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscanf(starter.Stderr(), "pid %d.", &pid); err != nil {
		t.Fatal(err)
	}
	if err := starter.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	isGone(t, pid)
}

// TestThreadsEnd has many threads end, as code does that enters network
// namespaces: no program dies of that.
func TestThreadsEnd(t *testing.T) {
	p := sh(t, "exec sleep 1000")
	for range 200 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				runtime.LockOSThread() // ends with the goroutine
				time.Sleep(time.Millisecond)
			})
		}
		wg.Wait()
	}
	select {
	case <-p.Done():
		t.Error(p.Ended())
	case <-time.After(50 * time.Millisecond):
	}
}

func TestNotStarted(t *testing.T) {
	if _, err := Start(Options{}); err == nil {
		t.Error("started nothing")
	}
	if _, err := Start(Options{}, "no-such-program-here"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
