// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"errors"
	"io/fs"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// ListSchema names the form of a list of kernels.
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
	// SourceDir and BuildDir are there for kernels built from source: what
	// building more modules for them takes.
	SourceDir string `json:"source_dir,omitempty"`
	BuildDir  string `json:"build_dir,omitempty"`
	// Reason tells why it is not built, or why it will be built anew.
	Reason string `json:"reason,omitempty"`
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
			e.Version, e.Size, e.Source = img.Release, img.Size, img.Origin
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
