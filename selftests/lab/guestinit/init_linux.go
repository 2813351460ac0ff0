// SPDX-License-Identifier: Apache-2.0

// Package guestinit is the first process of a lab guest. It turns the host's
// read-only file tree into a root of its own, runs one command in it, hands the
// streams through and ends the machine. It needs no program of the host's.
package guestinit

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// Wanted tells whether this process is the first one of a guest.
func Wanted() bool { return os.Getpid() == 1 && os.Getenv(wire.EnvRun) != "" }

// Main does the guest's whole work and ends it; it does not return.
func Main() {
	catchSignals()
	h := reachHost(os.Getenv(wire.EnvVM))
	run, err := setup(h, os.Getenv(wire.EnvRun))
	if run == "" {
		// Nobody can be told but the console; the panic that follows the
		// end of process 1 makes the host print it.
		fmt.Fprintln(os.Stderr, "dplab init:", err)
		os.Exit(1)
	}
	status, done := wire.Status{}, wire.Report{Kind: wire.ReportDone}
	if err != nil {
		status.Error = err.Error()
	} else {
		status, err = runJob(h, run, &done)
		if err != nil {
			status = wire.Status{Error: err.Error()}
		}
	}
	// What the guest wrote through the shared directory is in its page cache
	// until now.
	unix.Sync()
	if err := wire.WriteJSON(filepath.Join(run, wire.StatusFile), status); err != nil {
		fmt.Fprintln(os.Stderr, "dplab init:", err)
		fmt.Fprintln(os.Stderr, "dplab init: unreported:", status.Error)
	}
	unix.Sync()
	h.end(report(done))
	err = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Fprintln(os.Stderr, "dplab init: power off:", err)
	os.Exit(1)
}

// catchSignals keeps the guest's root from ending the machine by a signal to
// its first process. The kernel shields that one from signals without a
// handler, but the Go runtime has handlers. Ignoring them would not do: the
// command would inherit that.
func catchSignals() {
	drop := make(chan os.Signal, 1)
	for sig := unix.Signal(1); sig < 32; sig++ {
		switch sig {
		case unix.SIGCHLD, unix.SIGURG, unix.SIGKILL, unix.SIGSTOP:
			// Harmless, and the runtime has a use for SIGURG.
		default:
			signal.Notify(drop, sig)
		}
	}
}

// setup builds the guest's root and changes into it. It returns the path of
// the run directory as soon as that can be written, also with an error.
func setup(h host, hostRun string) (run string, err error) {
	stage, err := mountStage()
	if err != nil {
		return "", err
	}
	runMount := filepath.Join(stage, "run")
	if err := h.mountRun(hostRun, runMount); err != nil {
		return "", err
	}
	// The mount disappears with the old root, the descriptor stays: the
	// command never meets the run directory.
	fd, err := unix.Open(runMount, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open run directory: %w", err)
	}
	var job wire.Job
	if err := wire.ReadJSON(filepath.Join(runMount, wire.JobFile), &job); err != nil {
		return runMount, err
	}
	release, err := kernelRelease()
	if err != nil {
		return runMount, err
	}
	if release != job.Kernel {
		return runMount, fmt.Errorf("boot: the kernel calls itself %s, its module tree is for %s", release, job.Kernel)
	}
	root, err := h.mountRoot(filepath.Join(stage, "host"), &job)
	if err != nil {
		return runMount, err
	}
	if err := enterRoot(stage, root, job.Root); err != nil {
		return runMount, err
	}
	if err := mountSystem(); err != nil {
		return runMount, err
	}
	// /proc is there from here on.
	run = fmt.Sprintf("/proc/1/fd/%d", fd)
	if err := mountShares(h, &job); err != nil {
		return run, err
	}
	return run, prepare(job.Kernel)
}

func kernelRelease() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("boot: uname: %w", err)
	}
	return unix.ByteSliceToString(u.Release[:]), nil
}

// runJob runs the command of the job and waits for its end and its output's,
// which it counts.
func runJob(h host, run string, sent *wire.Report) (wire.Status, error) {
	var job wire.Job
	if err := wire.ReadJSON(filepath.Join(run, wire.JobFile), &job); err != nil {
		return wire.Status{}, err
	}
	if len(job.Argv) == 0 {
		return wire.Status{}, fmt.Errorf("boot: the job names no command")
	}
	path, status := lookup(job.Argv[0], envValue(job.Env, "PATH"), string(job.Dir))
	if path == "" {
		return status, nil
	}
	s, err := openStreams(h, run, &job)
	if err != nil {
		return wire.Status{}, err
	}
	report(wire.Report{Kind: wire.ReportUp})
	status, err = s.run(path, &job)
	sent.Out, sent.Err = s.sent[1].Load(), s.sent[2].Load()
	return status, err
}

func envValue(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}
