// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// tools are our programs. Where their directory is one of a suite's own, they
// are shown there one by one.
var tools = []string{"dplab", "dpscope-selftests", "ovs-dpctl", "psample-listen", "tc-sample"}

// expose names what a guest must see of the host although it may have a file
// system of its own over it, or, with a tree for its root, may not have it: the
// directory of our programs and, for programs that were just built somewhere in
// /tmp, the command's. Of a program that lies right where the guest's file
// system begins, or in a directory of the tree, only itself: the rest of that
// directory is the guest's. A command the tree has is the tree's.
func expose(helper string, argv []string, dir, tree string) []string {
	programs := []string{helper}
	if tree != "" && has(tree, filepath.Dir(helper)) {
		for _, name := range tools {
			programs = append(programs, filepath.Join(filepath.Dir(helper), name))
		}
	}
	if len(argv) > 0 && filepath.Base(argv[0]) != argv[0] {
		cmd := filepath.Clean(argv[0])
		if !filepath.IsAbs(cmd) {
			cmd = filepath.Join(dir, cmd)
		}
		if tree == "" || !has(tree, cmd) {
			programs = append(programs, cmd)
		}
	}
	for i, p := range programs {
		if d := filepath.Dir(p); !wire.IsMountPoint(d) && (tree == "" || !has(tree, d)) {
			programs[i] = d
		}
	}
	return programs
}

// has tells whether a file tree has something at an absolute path, once it is a
// root and its links lead to where they do then. What cannot be told is there:
// it is not to be covered then.
func has(tree, path string) bool {
	root, err := unix.Open(tree, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return !absent(err)
	}
	defer func() { _ = unix.Close(root) }()
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	fd, err := openat2(root, path, &how)
	if err != nil {
		return !absent(err)
	}
	_ = unix.Close(fd)
	return true
}

// openat2 is the system call, which kernels before 5.6 and some sandboxes lack.
var openat2 = unix.Openat2

// absent tells whether an error means that there is no such file.
func absent(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) }
