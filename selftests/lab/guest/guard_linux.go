// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/guestinit"
	"github.com/dpscope/dpscope/selftests/lab/wire"
)

const (
	guardArg = "dplab-guard"
	pidName  = "kernel.pid"
)

// guardConfig is what the caller leaves in the run directory for the guard.
type guardConfig struct {
	// Program runs the kernel: itself, or qemu. Args begin with its name.
	Program string     `json:"program"`
	Args    wire.Texts `json:"args"`
	Env     wire.Texts `json:"env"`
	// CPU is the processor to run on, -1 for any.
	CPU int `json:"cpu"`
	// Fixed has the program at the same addresses each time.
	Fixed bool `json:"fixed,omitempty"`
}

// guardReport is one message of the guard, a line of JSON.
type guardReport struct {
	Pid   int    `json:"pid,omitempty"`
	Ended bool   `json:"ended,omitempty"`
	How   string `json:"how,omitempty"`
	Error string `json:"error,omitempty"`
}

// Descriptors the caller gives the guard.
const (
	guardLeash  = 3 + iota // end of file: the caller is done or dead
	guardReply             // guardReport lines
	guardLock              // the run directory's lock, only to be held
	guardSlot              // the processor's lock, likewise
	guardHold              // the image's lock, likewise
	guardRoot              // the root's lock, likewise
	guardStdout            // console of the kernel
	guardStream            // first of the kernel's four lines
	guardEnd    = guardStream + 4
)

// hooked tells that this program serves as its own guard.
var hooked bool

// Hook turns the process into a guest's first process or a guard if it was
// started as one, and does not return then. A program that serves as
// Options.Helper calls it before anything else.
func Hook() {
	hooked = true
	switch {
	case guestinit.Wanted():
		guestinit.Main()
	case len(os.Args) == 2 && os.Args[0] == guardArg:
		// The parent-death signal of the kernel is bound to the thread that
		// starts it.
		runtime.LockOSThread()
		os.Exit(guard(os.Args[1]))
	}
}

// guard runs the kernel and sees to its end.
func guard(dir string) int {
	// Only the leash decides: a signal from the terminal is the caller's to
	// judge.
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGPIPE)
	for fd := guardLeash; fd < guardEnd; fd++ {
		unix.CloseOnExec(fd)
	}
	reply := json.NewEncoder(os.NewFile(guardReply, "reply"))
	leash := os.NewFile(guardLeash, "leash")

	pid, err := startKernel(dir)
	if err != nil {
		_ = reply.Encode(guardReport{Error: err.Error()})
	} else {
		_ = reply.Encode(guardReport{Pid: pid})
	}
	// The caller sees the end of its streams only when every copy is closed.
	for fd := guardStdout; fd < guardEnd; fd++ {
		_ = unix.Close(fd)
	}
	cut := make(chan struct{})
	go func() {
		// Any byte asks for the kernel's end, the end of file for ours too.
		buf := make([]byte, 1)
		for {
			n, err := leash.Read(buf)
			if pid > 0 {
				_ = unix.Kill(-pid, unix.SIGKILL)
			}
			if n == 0 || err != nil {
				close(cut)
				return
			}
		}
	}()
	if err == nil {
		how := reapKernel(pid)
		_ = reply.Encode(guardReport{Ended: true, How: how})
	}
	<-cut
	if err := os.RemoveAll(dir); err != nil {
		return 1
	}
	return 0
}

func startKernel(dir string) (int, error) {
	var cfg guardConfig
	if err := wire.ReadJSON(filepath.Join(dir, configName), &cfg); err != nil {
		return 0, err
	}
	// Processes of the kernel that lose their parent must come to us.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("start kernel: become reaper: %w", err)
	}
	if cfg.CPU >= 0 {
		// Pinned, the switches between the kernel and its processes cost a
		// third. Not being able to is no reason to fail.
		var set unix.CPUSet
		set.Set(cfg.CPU)
		_ = unix.SchedSetaffinity(0, &set)
	}
	if cfg.Fixed {
		if old, err := personality(askPersonality); err == nil {
			_, _ = personality(old | addrNoRandomize)
		}
	}
	// A panicking kernel aborts, into a core file in the current directory.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	// Each file the guest opens is one of the kernel's process.
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		files.Cur = files.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &files)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, fmt.Errorf("start kernel: %w", err)
	}
	defer null.Close()
	pid, err := syscall.ForkExec(cfg.Program, cfg.Args, &syscall.ProcAttr{
		Dir: "/",
		Env: cfg.Env,
		Files: []uintptr{
			null.Fd(), guardStdout, guardStdout,
			guardStream, guardStream + 1, guardStream + 2, guardStream + 3,
		},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		return 0, fmt.Errorf("start kernel: run %s: %w", cfg.Program, err)
	}
	if err := wire.WriteFile(filepath.Join(dir, pidName), []byte(strconv.Itoa(pid))); err != nil {
		_ = unix.Kill(-pid, unix.SIGKILL)
		reapKernel(pid)
		return 0, err
	}
	return pid, nil
}

const (
	// askPersonality makes personality only tell.
	askPersonality = 0xffffffff
	// addrNoRandomize is ADDR_NO_RANDOMIZE of <linux/personality.h>.
	addrNoRandomize = 0x0040000
)

// personality changes how this thread's children are run.
func personality(p uintptr) (old uintptr, err error) {
	old, _, errno := unix.Syscall(unix.SYS_PERSONALITY, p, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return old, nil
}

// reapKernel waits for the kernel and then for all its processes, and tells how
// the kernel ended.
func reapKernel(pid int) string {
	how := ""
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return how
		case got == pid:
			switch {
			case ws.Signaled():
				how = "died from " + unix.SignalName(ws.Signal())
			default:
				how = fmt.Sprintf("ended with status %d", ws.ExitStatus())
			}
			// Killed, it leaves the processes behind that carried the
			// guest's address spaces.
			_ = unix.Kill(-pid, unix.SIGKILL)
		}
	}
}

// Hooked tells whether the program has called Hook and so can be its own
// helper.
func Hooked() bool { return hooked }
