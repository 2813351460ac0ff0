// SPDX-License-Identifier: Apache-2.0

// Package kmod carries the kernel patches of dpscope, the userspace headers
// and netlink specifications they lead to and the makefile that builds the
// modules, so that a program can write them to a directory and run make there.
//
// The C code is GPL-2.0; the headers under uapi have the kernel's syscall
// note, and the specifications under specs are alternatively BSD-3-Clause.
// Kernels from 6.11 on have all of it and need nothing from here.
package kmod

import "embed"

// FS holds Makefile, scripts, patches, uapi and specs by their names in this
// directory. embed.FS knows no modes, so nothing in it is executable; the
// makefile runs its scripts through sh and a plain copy of FS is enough:
//
//	make -C COPY ext SRC=<unpacked kernel source> EXT=<new directory>
//	make -C COPY modules KDIR=<kernel build directory> EXT=<same directory> [ARCH=um]
//
// Afterwards the modules are net/psample/psample.ko, net/sched/act_sample.ko
// and net/openvswitch/openvswitch.ko below EXT. All others of the kernel stay.
//
//go:embed Makefile scripts patches uapi specs
var FS embed.FS
