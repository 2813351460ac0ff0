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

// ownGroup lets the end of a command's context end all its children.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
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
