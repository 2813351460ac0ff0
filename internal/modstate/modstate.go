// SPDX-License-Identifier: Apache-2.0

// Package modstate finds out which psample, act_sample and openvswitch a kernel
// uses and which modprobe would load, whether they are dpscope's or others, and
// what follows from it. It only reads, and needs no privileges.
//
// What makes a psample ours is the function psample_sample_packet_extra, which
// no other exports; what makes an act_sample or openvswitch ours is that it
// cannot be loaded without.
package modstate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Schema names the form of a Report in JSON.
const Schema = "dplab-doctor/1"

// Names are the modules that the patches change, in the order of loading.
var Names = []string{"psample", "act_sample", "openvswitch"}

// Kind tells whose a module is.
type Kind string

// The kinds. Other is a module built outside of the kernel's tree that is not
// ours; None stands for no module at all.
const (
	Ours    Kind = "dpscope"
	Kernel  Kind = "kernel"
	Other   Kind = "other"
	Builtin Kind = "builtin"
	Unknown Kind = "unknown"
	None    Kind = "none"
)

// Module is one of the three.
type Module struct {
	Name string `json:"name"`
	// Loaded is the kind of what the kernel uses now.
	Loaded Kind `json:"loaded"`
	// Users are the loaded modules that use it.
	Users []string `json:"users"`
	// File is what modprobe would load, relative to the kernel's module
	// directory, and Installed the kind of it.
	File      string `json:"file"`
	Installed Kind   `json:"installed"`
	// Signed tells whether the file has a signature, whoever made it.
	Signed bool `json:"signed"`
	// OtherBuild tells that the loaded module was not loaded from this file.
	OtherBuild bool `json:"other_build"`
}

// Report is what there is and what follows from it.
type Report struct {
	Schema string `json:"schema"`
	// Release is the kernel's.
	Release string `json:"release"`
	// SignedOnly tells that the kernel refuses modules without a signature it
	// can verify.
	SignedOnly bool      `json:"signed_only"`
	Items      []Module  `json:"items"`
	Findings   []Finding `json:"findings"`
}

// Source is where a report's facts come from.
type Source struct {
	// Release is the running kernel's.
	Release string
	// Sys and Proc are the file systems of these names, Modules is
	// /lib/modules.
	Sys, Proc, Modules fs.FS
}

// Read makes a report. A module directory that does not exist is a finding; one
// that cannot be read is an error.
func Read(src Source) (Report, error) {
	r := Report{Schema: Schema, Release: src.Release, Items: []Module{}}
	if src.Release == "" || strings.ContainsAny(src.Release, "/\x00") || !fs.ValidPath(src.Release) {
		return r, fmt.Errorf("look at modules: %q is not a kernel's release", src.Release)
	}
	tree, err := openTree(src.Modules, src.Release)
	if err != nil {
		return r, fmt.Errorf("look at modules of Linux %s: %w", src.Release, err)
	}
	r.SignedOnly = signedOnly(src.Sys)
	for _, name := range Names {
		m, note, err := tree.module(name)
		if err != nil {
			return r, fmt.Errorf("look at module %s of Linux %s: %w", name, src.Release, err)
		}
		if err := running(src, &m, note, r.Items); err != nil {
			return r, fmt.Errorf("look at loaded module %s: %w", name, err)
		}
		r.Items = append(r.Items, m)
	}
	r.Findings = r.findings(tree.missing)
	return r, nil
}

// signedOnly tells whether the kernel refuses unsigned modules: by its own
// setting, or because it is locked down, as with Secure Boot. Where neither can
// be read nothing is said about signatures.
func signedOnly(sys fs.FS) bool {
	enforce, _ := readSmall(sys, "module/module/parameters/sig_enforce")
	if strings.TrimSpace(string(enforce)) == "Y" {
		return true
	}
	lockdown, _ := readSmall(sys, "kernel/security/lockdown")
	return len(lockdown) > 0 && !bytes.Contains(lockdown, []byte("[none]"))
}

// running fills in what the kernel says about a module. done are those before.
func running(src Source, m *Module, note []byte, done []Module) error {
	dir := path.Join("module", m.Name)
	m.Loaded, m.Users = None, []string{}
	state, err := readSmall(src.Sys, path.Join(dir, "initstate"))
	if errors.Is(err, fs.ErrNotExist) {
		// What is built in has a directory only if it has parameters, and
		// never this file.
		if m.Installed == Builtin {
			m.Loaded = Builtin
		}
		return nil
	}
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(state)) != "live" {
		return nil
	}
	holders, err := fs.ReadDir(src.Sys, path.Join(dir, "holders"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, h := range holders {
		m.Users = append(m.Users, h.Name())
	}
	loaded, err := readSmall(src.Sys, path.Join(dir, "notes", noteName))
	if err == nil && len(note) > 0 {
		if m.OtherBuild = !bytes.Equal(loaded, note); !m.OtherBuild {
			m.Loaded = m.Installed
			return nil
		}
	}
	m.Loaded, err = byKernel(src, m.Name, done)
	return err
}

// byKernel tells a loaded module's kind by what the kernel knows of it.
func byKernel(src Source, name string, done []Module) (Kind, error) {
	taint, err := readSmall(src.Sys, path.Join("module", name, "taint"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Unknown, nil
	case err != nil:
		return Unknown, err
	case !bytes.ContainsRune(taint, 'O'):
		return Kernel, nil
	case name == "psample":
		return psampleBySymbols(src.Proc)
	}
	for _, m := range done {
		if m.Name == "psample" && m.Loaded == Ours && slices.Contains(m.Users, name) {
			return Ours, nil
		}
	}
	return Other, nil
}

// psampleBySymbols looks for our function among the kernel's symbols. Their
// names are for everybody to read.
func psampleBySymbols(proc fs.FS) (Kind, error) {
	f, err := proc.Open("kallsyms")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return Unknown, nil
	}
	if err != nil {
		return Unknown, err
	}
	defer func() { _ = f.Close() }()
	found, err := hasSymbol(f, extra, "psample")
	switch {
	case err != nil:
		return Unknown, err
	case found:
		return Ours, nil
	}
	return Other, nil
}

// maxSmall bounds what is read of files that have a line or a note.
const maxSmall = 64 << 10

func readSmall(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxSmall))
}
