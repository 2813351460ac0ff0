// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package guest boots a kernel, as user-mode Linux or in a machine of qemu's, on
// the host's file tree or another one, runs one command in it and leaves nothing
// behind. See package guestinit for what happens inside.
//
// Three processes work together. The caller talks to the guest through pipes
// and a run directory. The guard, a session of its own, is the parent of the
// kernel's process group; it ends that group and removes the run directory as
// soon as the caller is gone, however it went. The kernel dies with the guard.
package guest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Options say what to boot and what to run in it.
type Options struct {
	// Linux is the kernel, Release what it calls itself and Modules the
	// directory of its module tree.
	Linux, Release, Modules string
	// Machine is what the kernel runs on; nil stands for a user-mode kernel.
	Machine *Machine
	// Libraries is the directory with the C library Linux needs instead of the
	// system's, or empty.
	Libraries string
	// Args are further words of the kernel's command line.
	Args []string
	// Helper is the program that becomes the guard and the guest's first
	// process: one that calls Hook first thing.
	Helper string

	// Root is the host's directory with the file tree the guest gets as its
	// root; empty or / is the host's own.
	Root string

	// Argv is the command; Env its whole environment.
	Argv, Env []string
	// Dir is the command's working directory, the one place of the host the
	// guest can write to.
	Dir string
	// Expose are further directories and files the guest must see even where
	// it mounts a file system of its own over them, or where Root does not have
	// them. What belongs to the kernel (/proc, /sys, devices) stays the guest's.
	Expose []string

	// Memory is the guest's, in bytes.
	Memory int64
	// Timeout ends the run; zero is none.
	Timeout time.Duration
	// Grace is how long the command has after the first signal or the timeout
	// before it is ended by force.
	Grace time.Duration

	// TTY runs the command on a terminal of this size. Resize carries later
	// sizes.
	TTY    bool
	Size   Size
	Resize <-chan Size

	// Stdin is handed over whole; nil is empty. A reader that still blocks
	// when the command ends is left behind with its goroutine.
	Stdin io.Reader
	// Stdout and Stderr get what the command writes; nil discards. One that
	// blocks holds up the command, but not its forced end, nor the end of a
	// run that a signal or the timeout has ended: it is left behind then.
	Stdout, Stderr io.Writer
	// Console, if not nil, gets the kernel's messages.
	Console io.Writer
	// Signals are passed on to the command's process group; the second one
	// ends the guest.
	Signals <-chan os.Signal

	// SlotDir holds the locks by which guests spread over the processors.
	SlotDir string
	// Hold and HoldRoot are locks to keep as long as the guest lives, or nil:
	// the kernel's and the root's.
	Hold, HoldRoot *os.File
}

// Machine is a machine of qemu's.
type Machine struct {
	// QEMU is the program, free of symlinks.
	QEMU string
	// Initrd is the archive with the modules the first process loads.
	Initrd string
	// CPUs is the number of processors.
	CPUs int
	// KVM has the host's processors run the guest instead of a translation. If
	// there is a Broken, a guest that does not come up with it is started anew
	// without, and Broken is told why.
	KVM    bool
	Broken func(error)
}

// Size is a terminal's.
type Size struct{ Rows, Cols uint16 }

// Result is how the command ended.
type Result struct {
	// Code is the exit status to pass on: the command's, 128+N for signal N,
	// 124 after a timeout, 126 or 127 for a command that could not be run.
	Code int
	// TimedOut and Signal tell why Code is what it is.
	TimedOut bool
	Signal   int
	// Message explains 124, 126 and 127.
	Message string
	// Warnings tell what went wrong beside the command.
	Warnings []string
	// CPU is the processor the guest was pinned to, -1 for none.
	CPU int
}

// Exit statuses that the lab and not the command chooses.
const (
	CodeTimeout     = 124
	CodeLab         = 125
	CodeNotRunnable = 126
	CodeNotFound    = 127
	CodeSignal      = 128
)

// ErrSilent is the cause when a guest was given up because it did not come up
// in time: it may be broken, or its host too busy.
var ErrSilent = errors.New("the guest said nothing")

// Error is a failure of the lab itself.
type Error struct {
	Err error
	// Console are the kernel's last lines.
	Console []string
}

// Error is the cause's text, without the console.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// MinMemory is what the kernel and the first process need with some room for a
// command, MinMachineMemory the same on a machine.
const (
	MinMemory        = 64 << 20
	MinMachineMemory = 192 << 20
)

func (o *Options) check() error {
	switch {
	case o.Linux == "" || o.Modules == "" || o.Release == "" || o.Helper == "":
		return errors.New("boot: kernel, module tree, release and helper must be given")
	case len(o.Argv) == 0:
		return errors.New("boot: no command given")
	case o.Memory < o.minMemory():
		return fmt.Errorf("boot: %d MB of memory are too few (at least %d)", o.Memory>>20, o.minMemory()>>20)
	case o.Machine != nil && (o.Machine.QEMU == "" || o.Machine.Initrd == "" || o.Machine.CPUs < 1):
		return errors.New("boot: a machine needs qemu, an initrd and a processor")
	}
	return nil
}

func (o *Options) minMemory() int64 {
	if o.Machine != nil {
		return MinMachineMemory
	}
	return MinMemory
}
