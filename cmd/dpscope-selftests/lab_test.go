// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// built builds the tools and gives their directory. What uses guests of the lab
// runs with DPSCOPE_LAB=1 only.
func built(t *testing.T) string {
	t.Helper()
	if os.Getenv("DPSCOPE_LAB") != "1" {
		t.Skip("not run without DPSCOPE_LAB=1")
	}
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir, "github.com/dpscope/dpscope/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// selftest is a run of the built program with a directory of its own for
// temporary files.
type selftest struct {
	*exec.Cmd
	tmp       string
	out, errs bytes.Buffer
}

func command(t *testing.T, bin string, args ...string) *selftest {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	s := &selftest{Cmd: exec.CommandContext(ctx, filepath.Join(bin, "dpscope-selftests"), args...), tmp: t.TempDir()}
	s.Env = append(os.Environ(), "TMPDIR="+s.tmp)
	s.Stdout, s.Stderr = &s.out, &s.errs
	return s
}

// ends waits for the end, checks the exit status and that nothing is left.
func (s *selftest) ends(t *testing.T, err error, want int) {
	t.Helper()
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("status %d, want %d\n%s%s", got, want, s.out.String(), s.errs.String())
	}
	left, err := filepath.Glob(filepath.Join(s.tmp, "*"))
	if len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// guest waits for a guest of the run to be started and gives its directory.
func (s *selftest) guest(t *testing.T) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		// Each thread has its own.
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.Process.Pid))
		var children []byte
		for _, file := range threads {
			more, _ := os.ReadFile(file)
			children = append(children, more...)
		}
		for child := range strings.FieldsSeq(string(children)) {
			line, _ := os.ReadFile("/proc/" + child + "/cmdline")
			args := strings.Split(string(line), "\x00")
			if args[0] != "dplab-guard" || len(args) < 2 {
				continue
			}
			if _, err := os.Stat(filepath.Join(args[1], "kernel.pid")); err == nil {
				return args[1]
			}
		}
	}
	_ = s.Process.Kill()
	t.Fatal("no guest")
	return ""
}

// has looks for texts in the report.
func (s *selftest) has(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(s.out.String(), text) {
			t.Errorf("the report lacks %q:\n%s", text, s.out.String())
		}
	}
}

// TestUpstreamInLab: the suite's verdict on a kernel that lacks the feature, a
// test that takes too long, one that may skip, and an interruption.
func TestUpstreamInLab(t *testing.T) {
	bin := built(t)
	t.Run("unexpected skip", func(t *testing.T) {
		t.Parallel()
		s := command(t, bin, "upstream", "--kernel", "6.1", "psample")
		s.ends(t, s.Run(), 1)
		s.has(t, "\n1..1\n", "# on kernel 6.1 (6.1.", "#   no support for psample - skipping",
			"# psample: skipped (no support for psample - skipping), which nothing allows here", "\nnot ok 1 psample\n", "pass:0 fail:1 xfail:0 xpass:0 skip:0")
	})
	t.Run("too long", func(t *testing.T) {
		t.Parallel()
		// It waits out a time-out of TCP, however fast the machine is.
		s := command(t, bin, "upstream", "--timeout", "5s", "ct_connect_v4")
		s.ends(t, s.Run(), 1)
		s.has(t, "# ct_connect_v4: time is up: still running after", "\nnot ok 1 ct_connect_v4\n")
	})
	t.Run("known skip", func(t *testing.T) {
		t.Parallel()
		s := command(t, bin, "upstream", "drop_reason")
		s.ends(t, s.Run(), 4)
		s.has(t, "\nok 1 drop_reason # SKIP counts drops with perf")
	})
	t.Run("a tool that does nothing", func(t *testing.T) {
		t.Parallel()
		// In place of our ovs-dpctl, which must be what the tests are driven by.
		dir := t.TempDir()
		for _, name := range []string{"dpscope-selftests", "dplab"} {
			if err := os.Link(filepath.Join(bin, name), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "ovs-dpctl"), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		s := command(t, dir, "upstream", "--tool", "both", "arp_ping")
		s.ends(t, s.Run(), 1)
		s.has(t, "\nok 1 arp_ping-python\n", "\nnot ok 2 arp_ping-ours\n", "\n# pass with python only: arp_ping\n")
		s = command(t, dir, "dialect")
		s.ends(t, s.Run(), 1)
		s.has(t, "\nnot ok 2 datapaths\n", "\n# Totals: pass:0 fail:10 ")
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		s := command(t, bin, "upstream", "psample")
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		dir := s.guest(t)
		if err := s.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		s.ends(t, s.Wait(), 1)
		s.has(t, "Bail out! interrupted\n")
		if !strings.Contains(s.errs.String(), "interrupted before all tests had run") {
			t.Errorf("stderr: %s", s.errs.String())
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the guest's directory %s is left: %v", dir, err)
		}
	})
	t.Run("specifications", func(t *testing.T) {
		t.Parallel()
		s := command(t, bin, "specs", "--kernel", "6.1")
		s.ends(t, s.Run(), 1)
		s.has(t, "\nok 1 schema\n", "\nnot ok 4 flows\n", "\n# Totals: pass:2 fail:4 ")
	})
}
