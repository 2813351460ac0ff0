// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// run starts the command, serves it and waits for its end. When it returns,
// all output has left the guest and no other process is alive.
func (s *streams) run(path string, job *wire.Job) (wire.Status, error) {
	attr := &syscall.ProcAttr{
		Dir: string(job.Dir), Env: job.Env,
		Files: []uintptr{uintptr(s.cmdIn), uintptr(s.cmdOut), uintptr(s.cmdErr)},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: s.tty},
	}
	pid, err := syscall.ForkExec(path, job.Argv, attr)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) {
			err = errors.New("its interpreter or loader, or the working directory, is missing")
		}
		return notRunnable(job.Argv[0], err), nil
	}
	s.mu.Lock()
	s.pid = pid
	s.mu.Unlock()
	s.closeCommandEnds()

	s.pumps.Add(1)
	go s.pump(s.ourOut, s.out, 1)
	if !s.tty {
		s.pumps.Add(1)
		go s.pump(s.ourErr, s.err, 2)
	}
	go s.feed()
	go s.obey()
	report(wire.Report{Kind: wire.ReportStarted})

	status, err := reap(pid)
	s.mu.Lock()
	s.pid = 0
	s.mu.Unlock()
	if err != nil {
		return wire.Status{}, err
	}
	// Whatever the command left running ends with it; that also closes the
	// output's last writers.
	_ = unix.Kill(-1, unix.SIGKILL)
	if _, err := reap(-1); err != nil {
		return wire.Status{}, err
	}
	s.pumps.Wait()
	s.out.drain()
	s.err.drain()
	return status, nil
}

func (s *streams) closeCommandEnds() {
	s.cmdIn.close()
	if !s.tty {
		s.cmdOut.close()
		s.cmdErr.close()
	}
}

// reap collects ended processes until the given one is among them, or, for -1,
// until none is left. The first process inherits every orphan.
func reap(pid int) (wire.Status, error) {
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ECHILD) && pid == -1:
			return wire.Status{}, nil
		case err != nil:
			return wire.Status{}, fmt.Errorf("wait for the command: %w", err)
		case got == pid && ws.Signaled():
			return wire.Status{Signal: int(ws.Signal())}, nil
		case got == pid && ws.Exited():
			return wire.Status{Exit: ws.ExitStatus()}, nil
		}
	}
}

// openTerminal makes a pseudo terminal for the command.
func (s *streams) openTerminal(rows, cols uint16) error {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open terminal: %w", err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("open terminal: unlock: %w", err)
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return fmt.Errorf("open terminal: number: %w", err)
	}
	name := fmt.Sprintf("/dev/pts/%d", n)
	slave, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open terminal %s: %w", name, err)
	}
	if rows != 0 && cols != 0 {
		if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols}); err != nil {
			fmt.Fprintln(os.Stderr, "dplab init: window size:", err)
		}
	}
	s.cmdIn, s.cmdOut, s.cmdErr = line(slave), line(slave), line(slave)
	s.ourIn, s.ourOut, s.ourErr = line(master), line(master), line(master)
	return nil
}
