// SPDX-License-Identifier: Apache-2.0

// Package kernels is the catalogue of the kernels the lab offers. It is data
// only; package build makes them.
package kernels

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// VM is what runs a kernel.
type VM string

const (
	// UML is user-mode Linux: the kernel as a process of the host, with one
	// processor.
	UML VM = "uml"
	// QEMU is a machine made by qemu: the kernel as Debian installs it on real
	// ones.
	QEMU VM = "qemu"
)

// VMs are all there are, the default first.
func VMs() []VM { return []VM{UML, QEMU} }

// ParseVM reads the name of a VM; empty is the default.
func ParseVM(name string) (VM, error) {
	var names []string
	for _, vm := range VMs() {
		if name == string(vm) || name == "" {
			return vm, nil
		}
		names = append(names, string(vm))
	}
	return "", fmt.Errorf("vm %q: %w (there are: %s)", name, ErrUnknownVM, strings.Join(names, ", "))
}

// Base is the rule that picks one of the releases of a series that the package
// sources offer.
type Base string

const (
	// Newest is the newest one.
	Newest Base = ""
	// AsUML is that of the series' user-mode kernel, so that what runs in both
	// is the same source.
	AsUML Base = "uml"
)

// Kernel is one entry of the catalogue.
type Kernel struct {
	// Name is what --kernel takes. Each VM has an entry of its own.
	Name string
	VM   VM
	// Series is the upstream series, the first two numbers of the release.
	Series string
	// Base picks the release.
	Base Base
	// Suite is the Debian suite the packages come from; empty stands for the
	// machine's own package sources. A user-mode kernel of another suite brings
	// that suite's C library along, as its binary wants a newer one.
	Suite string
	// Moving marks a suite without releases: its kernel may change or be
	// unusable on any day, which must not fail the others.
	Moving bool
	// Package is the Debian package with the kernel, or one that depends on
	// those with it.
	Package string
	// Headers is the same for what building modules for the kernel takes;
	// empty for user-mode kernels, which have no such package, and for kernels
	// used as they come.
	Headers string
	// Source is the Debian package with the kernel's source; empty when the
	// kernel is used as it comes. For patches it must be exactly of the
	// kernel's release, otherwise as near to it as can be had.
	Source string
	// Patches is the directory of kmod/patches applied to the modules built
	// from Source; empty for none.
	Patches string
	// Without is the name, less its number, of a patch to take back from the
	// whole series; empty for none.
	Without string
	// Zones adds conntrack zones, which Debian's user-mode kernels lack, by
	// modules built from Source.
	Zones bool
	// Options are further words of the kernel's command line.
	Options []string
	// Hidden keeps an entry out of lists: it serves a test.
	Hidden bool
	// Summary says in a few words what the kernel is for.
	Summary string
}

// ID names an entry in the cache: no two have the same.
func (k Kernel) ID() string {
	id := k.Name
	if k.VM != UML {
		id += "." + string(k.VM)
	}
	if k.Base != Newest {
		id += "." + string(k.Base)
	}
	return id
}

// All gives the catalogue in its order, without what is hidden.
func All() []Kernel {
	return slices.DeleteFunc(slices.Clone(catalogue), func(k Kernel) bool { return k.Hidden })
}

// Everything is All with what is hidden.
func Everything() []Kernel { return slices.Clone(catalogue) }

var (
	// ErrUnknown is the cause when a name is not in the catalogue.
	ErrUnknown = errors.New("no such kernel")
	// ErrUnknownVM is the cause when a name is not that of a VM.
	ErrUnknownVM = errors.New("no such virtual machine")
)

// Find looks a kernel up by name and what runs it.
func Find(name string, vm VM) (Kernel, error) {
	var names []string
	for _, k := range catalogue {
		if k.VM != vm {
			continue
		}
		if k.Name == name {
			return k, nil
		}
		if !k.Hidden {
			names = append(names, k.Name)
		}
	}
	return Kernel{}, fmt.Errorf("kernel %q: %w (there are: %s)", name, ErrUnknown, strings.Join(names, ", "))
}

// FindSource gives the kernel whose source package is that of a series.
func FindSource(series string) (Kernel, error) {
	var all []string
	for _, k := range catalogue {
		if k.Source == "" {
			continue
		}
		if k.Series == series {
			return k, nil
		}
		all = append(all, k.Series)
	}
	return Kernel{}, fmt.Errorf("source of series %q: %w (there are: %s)", series, ErrUnknown, strings.Join(all, ", "))
}

// String names the entry in messages.
func (k Kernel) String() string {
	if k.VM == UML {
		return k.Name
	}
	return fmt.Sprintf("%s (%s)", k.Name, k.VM)
}
