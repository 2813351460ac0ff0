// SPDX-License-Identifier: Apache-2.0

//go:build linux

package upstream

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inGuest prepares guest.sh as it is called in a guest, with a suite of one
// script and without modules to load.
func inGuest(t *testing.T, suite, modprobe string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"guest.sh":                           guestScript,
		"tree/" + ovsDir + "/openvswitch.sh": suite,
		"bin/modprobe":                       "#!/bin/sh\n" + modprobe,
		"bin/python3":                        "#!/bin/sh\necho ours",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "guest.sh", "arp_ping")
	cmd.Dir = dir
	// modprobe is called before the directory comes into PATH.
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "TMPDIR="+t.TempDir())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second
	return cmd, &out
}

func TestGuestScript(t *testing.T) {
	for _, tt := range []struct {
		name, suite, modprobe string
		exit                  int
		want, not             string
	}{
		{"passes", `mkdir test_x; echo secret >test_x/debug.log; echo "$* $(python3) $KSFT_MACHINE_SLOW"; exit 0`, "exit 0", 0, "-v -p arp_ping ours yes\n", "secret"},
		{"skips", `mkdir test_x; echo secret >test_x/debug.log; exit 4`, "exit 0", 4, "", "secret"},
		{"fails", `mkdir test_x; echo why >test_x/debug.log; : >test_x/empty; read a || echo no input; exit 1`, "exit 0", 1, "no input\n--- test_x/debug.log\nwhy\n", "empty"},
		{"needs a module", `echo ran`, `case $1 in psample) echo not found; exit 1; esac`, 99, "not found\nsetup: module psample\n", "ran"},
		{"talks on stderr", `echo err >&2; exit 1`, "exit 0", 1, "err\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd, out := inGuest(t, tt.suite, tt.modprobe)
			err := cmd.Run()
			exit := 0
			if e, ok := errors.AsType[*exec.ExitError](err); ok {
				exit = e.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if got := out.String(); exit != tt.exit || !strings.Contains(got, tt.want) || tt.not != "" && strings.Contains(got, tt.not) {
				t.Errorf("status %d, want %d\n%s", exit, tt.exit, got)
			}
		})
	}
}

// TestGuestScriptTerminated has the time run out: the logs come all the same,
// at once.
func TestGuestScriptTerminated(t *testing.T) {
	// The signal ends what the suite waits for, too, and its shell says so at
	// any time, in the middle of the logs perhaps: that is not what is tested.
	cmd, out := inGuest(t, `exec 2>/dev/null; mkdir test_x; echo so far >test_x/debug.log; trap : TERM; echo up >test_x/up; sleep 60; sleep 60; exit 0`, "exit 0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	tmp := ""
	for _, e := range cmd.Env {
		if v, ok := strings.CutPrefix(e, "TMPDIR="); ok {
			tmp = v
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
	up := filepath.Join(tmp, "*", ovsDir, "test_x", "up")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if found, _ := filepath.Glob(up); len(found) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the test did not start: %s", out.String())
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// Not cmd.Wait: the suite still has the outputs open.
	type end struct {
		state *os.ProcessState
		err   error
	}
	done := make(chan end, 1)
	go func() {
		state, err := cmd.Process.Wait()
		done <- end{state, err}
	}()
	select {
	case e := <-done:
		if e.err != nil {
			t.Fatal(e.err)
		}
		if got := e.state.ExitCode(); got != 143 {
			t.Errorf("status %d, want 143", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the script did not end")
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	if !strings.Contains(out.String(), "--- test_x/debug.log\nso far\n") {
		t.Errorf("output %q", out.String())
	}
}
