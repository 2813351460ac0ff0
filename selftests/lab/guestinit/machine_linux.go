// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// machineHost is the host of a machine: it offers some directories over 9p, the
// guest starts in an initrd, and the lines are ports of a virtio device.
type machineHost struct {
	root int // the host's root directory
}

// mount9p mounts what the host offers under a tag. Requests are slow, so they
// are as large as they can be.
func mount9p(tag, target string, flags uintptr, cache string) error {
	if err := unix.Mount(tag, target, "9p", flags, "trans=virtio,version=9p2000.L,msize=512000,cache="+cache); err != nil {
		return fmt.Errorf("mount the host's %s on %s: %w", tag, target, err)
	}
	return nil
}

// mountRun loads the modules that it takes first. Nothing of the run directory
// may be kept: the host changes it.
func (h *machineHost) mountRun(_, target string) error {
	files, err := filepath.Glob("/" + wire.BootModules + "/*.ko")
	if err != nil {
		return fmt.Errorf("load modules: %w", err)
	}
	for _, file := range files {
		if err := insertFile(file); err != nil {
			return fmt.Errorf("load module %s: %w", filepath.Base(file), err)
		}
	}
	// The device may take a moment to be found.
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := mount9p(wire.TagRun, target, unix.MS_NOSUID|unix.MS_NODEV, "none")
		if err == nil || !errors.Is(err, unix.ENOENT) || time.Since(begin) > patienceDevice {
			return err
		}
	}
}

// patienceDevice is how long a device may take to appear.
const patienceDevice = 20 * time.Second

// mountRoot keeps what it has read of the host's files: they hardly change in
// the short life of a guest, and asking each time is slow.
func (h *machineHost) mountRoot(target string, _ *wire.Job) (string, error) {
	if err := mount9p(wire.TagRoot, target, unix.MS_RDONLY|unix.MS_NODEV, "loose"); err != nil {
		return "", err
	}
	var err error
	if h.root, err = unix.Open(target, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return "", fmt.Errorf("open the host's root: %w", err)
	}
	return target, nil
}

func (h *machineHost) show(path, target string, writable bool) error {
	if writable {
		// mmap: files can be mapped into memory, and nothing is kept otherwise.
		return mount9p(wire.TagDir, target, unix.MS_NODEV, "mmap")
	}
	return mount(fmt.Sprintf("/proc/1/fd/%d%s", h.root, path), target, "none", unix.MS_BIND, "")
}

func (h *machineHost) line(name string, flags int) (line, error) {
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		dev, err := port("/sys/class/virtio-ports", name)
		if err == nil {
			fd, err := unix.Open(filepath.Join("/dev", dev), flags|unix.O_CLOEXEC, 0)
			if err != nil {
				return -1, fmt.Errorf("open line %s: %w", name, err)
			}
			return line(fd), nil
		}
		if time.Since(begin) > patienceDevice {
			return -1, fmt.Errorf("open line %s: %w", name, err)
		}
	}
}

// port finds the device of a virtio port by the name the host gave it.
func port(class, name string) (string, error) {
	files, err := filepath.Glob(filepath.Join(class, "*", "name"))
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(text)) == name {
			return filepath.Base(filepath.Dir(f)), nil
		}
	}
	return "", errors.New("the machine has no port of that name")
}

// end leaves it to the host to end the machine: only that knows when the output
// has arrived, and it spares the time of powering off.
func (h *machineHost) end(told bool) {
	for told {
		time.Sleep(time.Hour)
	}
}
