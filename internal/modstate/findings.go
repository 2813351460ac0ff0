// SPDX-License-Identifier: Apache-2.0

package modstate

import (
	"fmt"
	"strconv"
	"strings"
)

// Level says whether somebody has to do something.
type Level string

// The levels.
const (
	OK     Level = "ok"
	Note   Level = "note"
	Action Level = "action"
)

// Finding is something that follows from a report's facts.
type Finding struct {
	Level Level  `json:"level"`
	Text  string `json:"text"`
	// Advice says what to do about it, or is empty.
	Advice string `json:"advice"`
}

// NeedsAction tells whether a finding asks for something to be done.
func (r Report) NeedsAction() bool {
	for _, f := range r.Findings {
		if f.Level == Action {
			return true
		}
	}
	return false
}

// Module gives a module of the report by name.
func (r Report) Module(name string) Module {
	for _, m := range r.Items {
		if m.Name == name {
			return m
		}
	}
	return Module{Name: name, Loaded: None, Installed: None}
}

// series reads the first two numbers of a release.
func series(release string) (major, minor int, ok bool) {
	head, rest, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(rest)
	}
	major, err1 := strconv.Atoi(head)
	minor, err2 := strconv.Atoi(rest[:end])
	return major, minor, err1 == nil && err2 == nil
}

const (
	unload  = "if nothing uses them: modprobe -r openvswitch act_sample psample; else reboot"
	rebuild = "/usr/lib/dpscope-dkms/update.sh tells why"
)

// findings judges a report. missing tells that the kernel's module directory
// is not there.
func (r Report) findings(missing bool) []Finding {
	major, minor, ok := series(r.Release)
	switch {
	case !ok:
		return []Finding{{Note, fmt.Sprintf("Linux %s: what this kernel has cannot be told by its release", r.Release), "Linux 6.11 and later have everything, 6.1 with dpscope-dkms"}}
	case major > 6 || major == 6 && minor >= 11:
		return []Finding{{OK, fmt.Sprintf("Linux %d.%d has everything dpscope's patches add: nothing is needed", major, minor), ""}}
	case major != 6 || minor != 1:
		return []Finding{{Action, fmt.Sprintf("Linux %d.%d samples without cookies, and there are no patches for it", major, minor),
			"use Linux 6.11 or later, or 6.1 with dpscope-dkms"}}
	}
	var all []Finding
	add := func(l Level, advice, format string, args ...any) {
		all = append(all, Finding{l, fmt.Sprintf(format, args...), advice})
	}
	r.installed(add, missing)
	r.loaded(add)
	if len(all) == 0 {
		if r.Module("psample").Loaded == None {
			add(OK, "", "modprobe will load dpscope's modules")
		} else {
			add(OK, "", "dpscope's modules are in use")
		}
	}
	return all
}

type adder func(l Level, advice, format string, args ...any)

// installed judges what modprobe would load.
func (r Report) installed(add adder, missing bool) {
	if missing {
		add(Action, "install the kernel's modules, or look from where they are (this may be a container)",
			"there is no /lib/modules/%s/modules.dep: modprobe finds nothing", r.Release)
		return
	}
	by := map[Kind][]string{}
	for _, m := range r.Items {
		by[m.Installed] = append(by[m.Installed], m.Name)
		if m.Installed == Ours && r.SignedOnly && !m.Signed {
			add(Action, "sign it and enrol the key: see Secure Boot in the README of dpscope-dkms",
				"%s: this kernel takes signed modules only, and %s is not signed", m.Name, m.File)
		}
	}
	if b := by[Builtin]; len(b) > 0 {
		add(Action, "use Debian's kernel, which has them as modules", "%s: built into this kernel, where modules cannot replace them", strings.Join(b, ", "))
		return
	}
	if u := by[Unknown]; len(u) > 0 {
		add(Note, "", "%s: whose the file is cannot be told (it is compressed, unreadable or gone)", strings.Join(u, ", "))
	}
	switch ours := by[Ours]; {
	case len(ours) == len(r.Items) || len(ours)+len(by[Unknown]) == len(r.Items):
	case len(ours) == 0:
		add(Action, "install dpscope-dkms (kmod/dkms/README.md); if it is installed, "+rebuild,
			"modprobe loads the kernel's own modules: samples have no cookies, and Open vSwitch has no psample action")
	default:
		add(Action, rebuild, "of three modules that belong together only %s would be dpscope's", strings.Join(ours, ", "))
	}
}

// loaded judges what the kernel uses.
func (r Report) loaded(add adder) {
	psample := r.Module("psample")
	foreign := psample.Loaded == Kernel || psample.Loaded == Other
	if foreign && psample.Installed == Ours {
		users := ""
		if len(psample.Users) > 0 {
			users = " (used by " + strings.Join(psample.Users, ", ") + ")"
		}
		add(Action, unload+". If it is back after a boot, it comes from the initramfs: update-initramfs -u",
			"psample: another one than dpscope's is loaded%s and keeps it out; our act_sample and openvswitch cannot be loaded with it", users)
	}
	lacks := map[string]string{
		"act_sample":  "samples of tc have no cookies",
		"openvswitch": "Open vSwitch has no psample action",
	}
	for _, m := range r.Items {
		switch {
		case m.Loaded == Unknown:
			add(Note, "", "%s: whose the loaded module is cannot be told", m.Name)
		case m.Loaded == Ours && m.Installed != Ours && m.Installed != Unknown:
			add(Note, "to go back to the kernel's own now, "+unload, "%s: dpscope's is loaded but no longer installed", m.Name)
		case m.Loaded == Ours && m.OtherBuild:
			add(Action, unload, "%s: another build of dpscope's is loaded than is installed", m.Name)
		case lacks[m.Name] != "" && (m.Loaded == Kernel || m.Loaded == Other) && m.Installed == Ours:
			add(Action, unload, "%s: another one than dpscope's is loaded: %s", m.Name, lacks[m.Name])
		}
	}
}
