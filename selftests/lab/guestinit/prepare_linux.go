// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// prepare brings the machine into the state a booted system has: loopback up,
// a host name, limits a test does not run into.
func prepare(kernel string) error {
	if err := unix.Sethostname([]byte("lab")); err != nil {
		return fmt.Errorf("prepare %s: host name: %w", kernel, err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	inf := uint64(unix.RLIM_INFINITY)
	for _, l := range []struct {
		resource  int
		soft, max uint64
	}{
		{unix.RLIMIT_NOFILE, 65536, 1 << 20},
		{unix.RLIMIT_NPROC, inf, inf},
		{unix.RLIMIT_MEMLOCK, inf, inf},
		{unix.RLIMIT_CORE, 0, inf},
	} {
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: l.soft, Max: l.max}); err != nil {
			return fmt.Errorf("prepare %s: resource limit %d: %w", kernel, l.resource, err)
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

// lookup finds the command as a shell would. An empty path comes with the
// status to end with: 127 for not found, 126 for found but not runnable.
func lookup(name, path, dir string) (string, wire.Status) {
	missing := wire.Status{Exit: 127, Message: fmt.Sprintf("run %s: command not found", name)}
	if name == "" {
		missing.Message = "run: the command's name is empty"
		return "", missing
	}
	candidates := []string{name}
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			candidates[0] = filepath.Join(dir, name)
		}
	} else {
		candidates = nil
		for _, d := range filepath.SplitList(path) {
			if !filepath.IsAbs(d) {
				d = filepath.Join(dir, d)
			}
			candidates = append(candidates, filepath.Join(d, name))
		}
	}
	status := missing
	for _, c := range candidates {
		switch err := runnable(c); {
		case err == nil:
			return c, wire.Status{}
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR):
		default:
			// Found, but useless; a later directory may still have it.
			status = notRunnable(name, err)
		}
	}
	return "", status
}

func notRunnable(name string, err error) wire.Status {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return wire.Status{Exit: 126, Message: fmt.Sprintf("run %s: %v", name, err)}
}

// runnable judges by the mode bits: for root the kernel does too.
func runnable(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case st.IsDir():
		return unix.EISDIR
	case st.Mode()&0o111 == 0:
		return unix.EACCES
	}
	return nil
}
