// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func inode(info fs.FileInfo) (uint64, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Ino, true
}

// dying is how long what has been killed may take to be gone.
const dying = 20 * time.Second

// ownGroup lets the end of a command's context end all its children. Whoever
// has waited for the command calls gone then, before files are removed that its
// children may be writing: it waits for theirs. The first process of a PID
// namespace is gone when all of them are.
func ownGroup(cmd *exec.Cmd) (gone func()) {
	var mu sync.Mutex // the command's context can end while Cancel is called
	var children []unix.PollFd
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error {
		mu.Lock()
		defer mu.Unlock()
		children = append(children, openChildren(cmd.Process.Pid)...)
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		limit := time.Now().Add(dying)
		for _, c := range children {
			for {
				left := max(0, time.Until(limit))
				if _, err := unix.Poll([]unix.PollFd{c}, int(left.Milliseconds())); !errors.Is(err, unix.EINTR) {
					break
				}
			}
			_ = unix.Close(int(c.Fd))
		}
	}
}

// openChildren gives what can be waited on of a process's children.
func openChildren(pid int) (children []unix.PollFd) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil {
		return nil
	}
	for word := range strings.FieldsSeq(string(text)) {
		child, err := strconv.Atoi(word)
		if err != nil {
			continue
		}
		if fd, err := unix.PidfdOpen(child, 0); err == nil {
			children = append(children, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	return children
}

// removeAll is os.RemoveAll that tries again while something that is dying still
// writes there. In a directory that is removed nobody can make anything.
func removeAll(dir string) error {
	for limit := time.Now().Add(dying); ; time.Sleep(20 * time.Millisecond) {
		err := os.RemoveAll(dir)
		if !errors.Is(err, unix.ENOTEMPTY) || time.Now().After(limit) {
			return err
		}
	}
}

// lock takes the lock on a file, at once or, after saying so, when its holder
// is done.
func lock(ctx context.Context, path string, waiting func()) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	for said := false; ; {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			_ = f.Close()
			return nil, fmt.Errorf("lock cache: %w", err)
		}
		if !said {
			waiting()
			said = true
		}
		// Waiting in the kernel could not be broken off.
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("lock cache: %w", context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Hold keeps an image from being removed until the file and all its copies are
// closed.
func (img Image) Hold() (*os.File, error) {
	f, err := hold(img.Dir)
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", img.Name, err)
	}
	return f, nil
}

func hold(dir string) (*os.File, error) {
	f, err := os.Open(filepath.Join(dir, completeName))
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("it is being removed: %w", err)
	}
	return f, nil
}

// removeUnused removes an image or stage directory unless a guest holds it.
func removeUnused(dir string) (removed bool, err error) {
	if f, err := os.Open(filepath.Join(dir, completeName)); err == nil {
		defer f.Close()
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			return false, nil
		}
		// From here on the directory is incomplete, whatever happens.
		if err := os.Remove(f.Name()); err != nil {
			return false, fmt.Errorf("clean cache: %w", err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return false, fmt.Errorf("clean cache: %w", err)
	}
	return true, nil
}
