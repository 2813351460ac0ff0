// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// recipe is the version of what this package does with its inputs. Raise it
// with every change that must lead to new images.
const recipe = 1

// machineRecipe is the same of what concerns kernels for qemu alone.
const machineRecipe = 1

// machineRecipeOf is what Inputs.Machine of a kernel should be.
func machineRecipeOf(k kernels.Kernel) int {
	if k.VM == kernels.QEMU {
		return machineRecipe
	}
	return 0
}

// Inputs are all an image depends on: same inputs, same image.
type Inputs struct {
	Recipe int    `json:"recipe"`
	Kernel string `json:"kernel"`
	// UML and Source are package versions, UML empty for kernels for qemu,
	// Source for stock ones.
	UML    string `json:"uml"`
	Source string `json:"source,omitempty"`
	// Machine is not zero for kernels for qemu, Packages are those with the
	// kernel then, and Headers those with what building modules takes.
	Machine  int    `json:"machine,omitempty"`
	Packages string `json:"packages,omitempty"`
	Headers  string `json:"headers,omitempty"`
	// Libraries are the packages with the C library of a kernel from another
	// suite, and Root the cache they lie in: the kernel holds its path.
	Libraries string `json:"libraries,omitempty"`
	Root      string `json:"root,omitempty"`
	// Patches is the hash of the patches and the makefile around them.
	Patches string `json:"patches,omitempty"`
	// Without is the patch taken back.
	Without string `json:"without,omitempty"`
	// Zones is the way conntrack zones were added, zero for not at all.
	Zones int `json:"zones,omitempty"`
	// Compiler is what the compiler calls itself.
	Compiler string `json:"compiler,omitempty"`
}

// key is a short hash of the inputs, for directory names.
func (in Inputs) key() string {
	text, err := json.Marshal(in)
	if err != nil {
		panic(err) // strings and a number
	}
	return hashText(text)
}

// prepared reduces the inputs to those of the configured source tree, which
// patches do not touch.
func (in Inputs) prepared() Inputs {
	in.Kernel, in.Patches, in.Libraries, in.Root = "", "", "", ""
	return in
}

// umlKey names the stage with the kernel's package.
func (in Inputs) umlKey() string {
	if in.Libraries == "" {
		return in.UML
	}
	return in.UML + "-" + hashText([]byte(in.Libraries+"\n"+in.Root))
}

// kernelKey names the stage with the packages of a kernel for qemu, headersKey
// the one with what building modules for it takes.
func (in Inputs) kernelKey() string  { return hashText([]byte(in.Packages)) }
func (in Inputs) headersKey() string { return hashText([]byte(in.Headers)) }

func hashText(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// hashPatches is the hash of the files of the patch set that an image of one
// series depends on: all but the patches of other series and what is for user
// space.
func hashPatches(files fs.FS, series string) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == "uapi" || name == "specs" || path.Dir(name) == "patches" && path.Base(name) != series {
				return fs.SkipDir
			}
			return nil
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", name, len(data))
		h.Write(data)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("hash patches: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// countPatches counts the entries of a series file.
func countPatches(files fs.FS, series string) int {
	text, err := fs.ReadFile(files, "patches/"+series+"/series")
	if err != nil {
		return 0
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}
