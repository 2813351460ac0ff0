// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"errors"
	"io/fs"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// ListSchema names the form of a list of kernels and suites.
const ListSchema = "dplab-kernels/1"

// Entry is a kernel as dplab list shows it.
type Entry struct {
	Name    string `json:"name"`
	VM      string `json:"vm"`
	Summary string `json:"summary"`
	// Built tells that the kernel boots at once.
	Built bool `json:"built"`
	// Version is the kernel's release, known once it is built.
	Version string `json:"version,omitempty"`
	Size    int64  `json:"size_bytes"`
	// Source tells the packages it is made from, with their versions once it
	// is built.
	Source string `json:"source"`
	// Compiler is what its modules were built with, known once they are.
	Compiler string `json:"compiler,omitempty"`
	// SourceDir and BuildDir are there for kernels built from source: what
	// building more modules for them takes.
	SourceDir string `json:"source_dir,omitempty"`
	BuildDir  string `json:"build_dir,omitempty"`
	// Reason tells why it is not built, or why it will be built anew.
	Reason string `json:"reason,omitempty"`
}

// Suite is a userland as dplab list shows it.
type Suite struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	// Built tells that guests with it boot at once.
	Built bool `json:"built"`
	// OpenVSwitch is the version of Open vSwitch in it, Packages how many
	// packages it consists of and Date the time they were chosen; known once it
	// is built.
	OpenVSwitch string    `json:"open_vswitch,omitempty"`
	Packages    int       `json:"packages,omitempty"`
	Date        time.Time `json:"date,omitzero"`
	Size        int64     `json:"size_bytes"`
	// Root is where its file tree lies.
	Root string `json:"root,omitempty"`
	// Reason tells why it is not built, or why it will be built anew.
	Reason string `json:"reason,omitempty"`
}

// ListSuites describes every suite a guest can have its userland from.
func ListSuites() ([]Suite, error) {
	b, err := builder(nil)
	if err != nil {
		return nil, err
	}
	var all []Suite
	for _, s := range suites.All() {
		e := Suite{Name: s.Name, Summary: s.Summary}
		u, err := b.Cache.LoadUserland(s.Name)
		switch {
		case err == nil:
			e.OpenVSwitch, e.Packages, e.Date, e.Size, e.Root = u.OpenVSwitch, u.Count, u.Built, u.Size, u.Root
			e.Reason = build.StaleUserland(s, u)
			e.Built = e.Reason == ""
		case errors.Is(err, fs.ErrNotExist):
			e.Reason = "not built yet"
			if why := b.Cache.UserlandFailure(s.Name); why != "" {
				e.Reason = "not built: " + why
			}
		default:
			e.Reason = err.Error()
		}
		all = append(all, e)
	}
	return all, nil
}

// List describes every kernel of the catalogue.
func List() ([]Entry, error) {
	b, err := builder(nil)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, k := range kernels.All() {
		e := Entry{Name: k.Name, VM: string(k.VM), Summary: k.Summary, Source: k.Package}
		if k.Source != "" {
			e.Source += ", " + k.Source
		}
		if k.Suite != "" {
			e.Source += " of " + k.Suite
		}
		img, err := b.Cache.Load(k.ID())
		switch {
		case err == nil:
			e.Version, e.Size, e.Source, e.Compiler = img.Release, img.Size, img.Origin, img.Inputs.Compiler
			e.Reason = b.Stale(k, img)
			e.Built = e.Reason == ""
			e.SourceDir, e.BuildDir = b.Cache.ModuleDirs(img)
		case errors.Is(err, fs.ErrNotExist):
			e.Reason = "not built yet"
			if why := b.Cache.Failure(k.ID()); why != "" {
				e.Reason = "not built: " + why
			}
		default:
			e.Reason = err.Error()
		}
		if _, err := build.QEMU(); err != nil && k.VM == kernels.QEMU && e.Reason == "" {
			e.Built, e.Reason = false, err.Error()
		}
		entries = append(entries, e)
	}
	return entries, nil
}
