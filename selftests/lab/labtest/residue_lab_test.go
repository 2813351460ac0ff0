// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const sleeper = "echo up; sleep 1000"

func kernelPid(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "kernel.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestResidue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(t *testing.T, g *guest, guard int, dir string) error
		want int
	}{
		{"SIGINT", func(_ *testing.T, g *guest, _ int, _ string) error { return g.Process.Signal(syscall.SIGINT) }, 130},
		{"SIGTERM", func(_ *testing.T, g *guest, _ int, _ string) error { return g.Process.Signal(syscall.SIGTERM) }, 143},
		{"SIGHUP", func(_ *testing.T, g *guest, _ int, _ string) error { return g.Process.Signal(syscall.SIGHUP) }, 129},
		{"SIGKILL", func(_ *testing.T, g *guest, _ int, _ string) error { return g.Process.Kill() }, -int(syscall.SIGKILL)},
		{"SIGKILL of the guard", func(_ *testing.T, _ *guest, guard int, _ string) error { return syscall.Kill(guard, syscall.SIGKILL) }, 125},
		{"SIGKILL of the kernel", func(t *testing.T, _ *guest, _ int, dir string) error {
			return syscall.Kill(kernelPid(t, dir), syscall.SIGKILL)
		}, 125},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := command(t, nil, "sh", "-c", sleeper)
			g.start(t)
			guard, dir := g.runDir(t)
			if err := c.end(t, g, guard, dir); err != nil {
				t.Fatal(err)
			}
			if got := exitStatus(t, g.Wait()); got != c.want {
				t.Errorf("status %d, want %d\n%s", got, c.want, g.errs.String())
			}
			noResidue(t, dir)
		})
	}
}

func TestNoResidueOfANormalRun(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "sh", "-c", "echo up; read x")
	in, err := g.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.start(t)
	_, dir := g.runDir(t)
	_ = in.Close()
	if got := exitStatus(t, g.Wait()); got != 1 {
		t.Errorf("status %d", got)
	}
	// Nothing may be left even at this moment.
	if _, err := os.Lstat(dir); err == nil {
		t.Errorf("%s is there after the end", dir)
	}
	noResidue(t, dir)
	if entries, err := os.ReadDir(g.Dir); err != nil || len(entries) != 0 {
		t.Errorf("in the working directory: %v, %v", entries, err)
	}
}

// ended tells whether a process has given back all it held: it is gone, or only
// its status is left.
func ended(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}

// TestSweep kills caller and guard at the same moment: the next run removes
// what they could not.
func TestSweep(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "sh", "-c", sleeper)
	g.start(t)
	guard, dir := g.runDir(t)
	for _, sig := range []struct {
		pid int
		sig syscall.Signal
	}{{g.Process.Pid, syscall.SIGSTOP}, {guard, syscall.SIGKILL}, {g.Process.Pid, syscall.SIGKILL}} {
		if err := syscall.Kill(sig.pid, sig.sig); err != nil {
			t.Fatal(err)
		}
	}
	_ = g.Wait()
	// A process holds its locks until it has really ended, which on a busy
	// machine is some time after it was killed.
	for deadline := time.Now().Add(10 * time.Second); !ended(guard); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the guard was killed and lives")
		}
	}
	if status, _, errs := sh(t, nil, "true"); status != 0 {
		t.Errorf("status %d, %s", status, errs)
	}
	noResidue(t, dir)
}

// TestSignalReachesTheCommand lets the command end in its own way.
func TestSignalReachesTheCommand(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "sh", "-c", "trap 'echo flushed >f; exit 5' INT; echo up; while :; do sleep 0.1; done")
	g.start(t)
	_, dir := g.runDir(t)
	if err := g.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := exitStatus(t, g.Wait()); got != 5 {
		t.Errorf("status %d", got)
	}
	if data, err := os.ReadFile(filepath.Join(g.Dir, "f")); err != nil || string(data) != "flushed\n" {
		t.Errorf("%q, %v", data, err)
	}
	noResidue(t, dir)
}

func TestSecondSignalForces(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "sh", "-c", "trap '' INT; echo up; while :; do sleep 0.1; done")
	g.start(t)
	_, dir := g.runDir(t)
	for range 2 {
		if err := g.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		// Two of the same kind at once are one.
		time.Sleep(300 * time.Millisecond)
	}
	if got := exitStatus(t, g.Wait()); got != 130 {
		t.Errorf("status %d", got)
	}
	noResidue(t, dir)
}
