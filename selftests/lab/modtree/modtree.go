// SPDX-License-Identifier: Apache-2.0

// Package modtree reads what depmod writes about a kernel's modules.
package modtree

import (
	"path"
	"slices"
	"strings"
)

// Files finds a module in the text of modules.dep and gives the files to
// insert, in order. A line reads "module: nearest-dependency ... farthest".
func Files(dep, name string) ([]string, bool) {
	for line := range strings.Lines(dep) {
		file, deps, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || Name(file) != Normal(name) {
			continue
		}
		files := append([]string{file}, strings.Fields(deps)...)
		slices.Reverse(files)
		return files, true
	}
	return nil, false
}

// Name is the name of the module in a file.
func Name(file string) string {
	base, _, _ := strings.Cut(path.Base(file), ".ko")
	return Normal(base)
}

// Normal is a module's name as the kernel writes it.
func Normal(name string) string { return strings.ReplaceAll(name, "-", "_") }
