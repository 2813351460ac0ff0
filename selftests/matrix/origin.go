// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"fmt"
	"strings"

	"github.com/dpscope/dpscope/selftests/ktap"
)

// Origin is what a report is of.
type Origin struct {
	Kernel   string // the lab's name for it
	VM       string // what ran it
	Release  string // as uname says
	Compiler string // what the kernel was built with
	CPUs     string // how many processors it has
	// Tests names the tests, for a group of their own; empty for the cases of
	// this package's neighbours.
	Tests string
}

// originMark begins the note that tells a report's origin.
const originMark = "origin: "

// Note is the line of a report that OriginOf reads back. Empty parts are
// left out.
func (o Origin) Note() string {
	var b strings.Builder
	for _, p := range []struct{ key, value string }{
		{"kernel", o.Kernel}, {"vm", o.VM}, {"release", o.Release}, {"compiler", o.Compiler}, {"processors", o.CPUs}, {"tests", o.Tests},
	} {
		if p.value != "" {
			fmt.Fprintf(&b, "; %s %s", p.key, strings.ReplaceAll(p.value, ";", ","))
		}
	}
	return originMark + strings.TrimPrefix(b.String(), "; ")
}

// OriginOf finds the note in a report. ok is false when there is none, or when
// it does not tell kernel and VM.
func OriginOf(r ktap.Report) (o Origin, ok bool) {
	for _, note := range r.Notes {
		text, found := strings.CutPrefix(note, originMark)
		if !found {
			continue
		}
		for part := range strings.SplitSeq(text, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(part), " ")
			switch key {
			case "kernel":
				o.Kernel = value
			case "vm":
				o.VM = value
			case "release":
				o.Release = value
			case "compiler":
				o.Compiler = value
			case "processors":
				o.CPUs = value
			case "tests":
				o.Tests = value
			}
		}
		return o, o.Kernel != "" && o.VM != ""
	}
	return o, false
}

// At is the name of a test that tells by itself what it is of: NAME@KERNEL/VM.
func At(name, kernel, vm string) string { return name + "@" + kernel + "/" + vm }

// splitAt undoes At.
func splitAt(text string) (name, kernel, vm string, ok bool) {
	name, at, ok := strings.Cut(text, "@")
	if !ok {
		return text, "", "", false
	}
	kernel, vm, ok = strings.Cut(at, "/")
	if !ok || name == "" || kernel == "" || vm == "" {
		return text, "", "", false
	}
	return name, kernel, vm, true
}

// ParseCompiler takes what built the kernel out of /proc/version: "Linux
// version RELEASE (WHO) (COMPILER) #BUILD".
func ParseCompiler(version string) string {
	depth, start, group := 0, 0, 0
	for i, c := range version {
		switch c {
		case '(':
			if depth == 0 {
				start = i + 1
				group++
			}
			depth++
		case ')':
			if depth--; depth == 0 && group == 2 {
				// The linker comes behind a comma.
				compiler, _, _ := strings.Cut(version[start:i], ", GNU ld")
				return compiler
			}
			if depth < 0 {
				return ""
			}
		}
	}
	return ""
}
