// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// passed are the variables of the caller that a guest's command gets too: how
// its terminal and its user's language look, and what steers Go programs and
// ours. Everything else (sessions, sockets, credentials) belongs to the host.
var passed = []string{
	"TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ", "HOME", "SHELL", "EDITOR", "PAGER",
	"GODEBUG", "GOTRACEBACK", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GORACE", "GOCOVERDIR",
}

var passedPrefixes = []string{"LC_", "DPSCOPE_", "KTAP_"}

// EnvKernel, EnvVM and EnvSuite name the lab's kernel, what runs it and the
// userland to a command that runs in them.
const (
	EnvKernel = "DPLAB_KERNEL"
	EnvVM     = wire.EnvVM
	EnvSuite  = "DPLAB_SUITE"
)

// Names are what a guest is made of, by name.
type Names struct {
	Kernel string
	VM     kernels.VM
	Suite  string
}

// Environment is what a guest's command finds: the passed variables, root as
// user, our programs first in PATH, then the caller's PATH and the system's
// directories, and last what extra says. In another userland the caller's home,
// shell and languages mean nothing.
func Environment(host []string, bin, dir string, names Names, extra []string) []string {
	env := map[string]string{"TERM": "dumb", "HOME": "/root"}
	var path []string
	for _, e := range host {
		name, value, ok := strings.Cut(e, "=")
		switch {
		case !ok:
		case name == "PATH":
			path = filepath.SplitList(value)
		case slices.Contains(passed, name),
			slices.ContainsFunc(passedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }):
			env[name] = value
		}
	}
	env["PATH"] = searchPath(bin, path)
	env["PWD"] = dir
	env["USER"], env["LOGNAME"] = "root", "root"
	env[EnvKernel], env[EnvVM], env[EnvSuite] = names.Kernel, string(names.VM), names.Suite
	if names.Suite != suites.Host {
		maps.DeleteFunc(env, func(name, _ string) bool { return name == "LANGUAGE" || strings.HasPrefix(name, "LC_") })
		env["HOME"], env["SHELL"], env["LANG"] = "/root", "/bin/bash", "C.UTF-8"
	}
	for _, e := range extra {
		if name, value, ok := strings.Cut(e, "="); ok && name != "" {
			env[name] = value
		}
	}
	out := make([]string, 0, len(env))
	for name, value := range env {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}

// searchPath drops relative entries, which would mean something else in the
// guest, and adds the directories root's commands live in.
func searchPath(bin string, path []string) string {
	dirs := []string{bin}
	system := []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	for _, d := range append(slices.Clone(path), system...) {
		if filepath.IsAbs(d) && !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}
