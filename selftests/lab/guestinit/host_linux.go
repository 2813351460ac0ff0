// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// host is how a guest reaches the host: its files, its lines, its notice. That
// is all that differs between user-mode Linux and a machine.
type host interface {
	// mountRun shows the run directory, which name is the host's name of.
	mountRun(name, target string) error
	// mountRoot shows the host's root, at the target or elsewhere, and gives
	// the place. It also makes overlays possible.
	mountRoot(target string, job *wire.Job) (string, error)
	// show shows a directory of the host, once there is a root. Only the job's
	// working directory can be writable.
	show(path, target string, writable bool) error
	// line opens a line to the host.
	line(name string, flags int) (line, error)
	// end waits for the host to end the machine if that is its part and it has
	// been told that everything is done.
	end(told bool)
}

func reachHost(vm string) host {
	if vm == wire.VMQEMU {
		return &machineHost{}
	}
	return umlHost{}
}

// umlHost is the host of a user-mode kernel: hostfs shows any directory, the
// guest's first root is the host's, and the lines are serial ones.
type umlHost struct{}

func (umlHost) mountRun(name, target string) error {
	return mount("none", target, "hostfs", unix.MS_NOSUID|unix.MS_NODEV, name)
}

func (umlHost) mountRoot(_ string, job *wire.Job) (string, error) {
	return "/", insertModule(job.Modules, "overlay")
}

func (umlHost) show(path, target string, writable bool) error {
	flags := uintptr(unix.MS_NODEV)
	if !writable {
		flags |= unix.MS_RDONLY
	}
	return mount("none", target, "hostfs", flags, path)
}

func (umlHost) line(name string, flags int) (line, error) {
	n := slices.Index(wire.Lines, name)
	if n < 0 {
		return -1, fmt.Errorf("open line %s: there is none of that name", name)
	}
	return openSerial(filepath.Join("/dev", fmt.Sprintf("ttyS%d", n)), flags)
}

func (umlHost) end(bool) {}
