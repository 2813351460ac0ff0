// SPDX-License-Identifier: Apache-2.0

package modstate

import (
	"bytes"
	"debug/elf"
	"slices"
)

// maxModule bounds what is read of a module; with debugging information ours
// have less than ten megabytes.
const maxModule = 64 << 20

// noteName is the section with the number that the linker gives each build. The
// kernel shows it of loaded modules, as it is in the file.
const noteName = ".note.gnu.build-id"

// signature is how a signed module ends.
const signature = "~Module signature appended~\n"

// object is what a module's file says.
type object struct {
	kind   Kind
	signed bool
	note   []byte
}

// inspect looks at a module's file. Compressed ones, and whatever else is not
// an ELF object, are of unknown kind.
func inspect(name string, data []byte) object {
	o := object{kind: Unknown, signed: bytes.HasSuffix(data, []byte(signature))}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return o
	}
	symbols, err := f.Symbols()
	if err != nil {
		return o
	}
	if s := f.Section(noteName); s != nil && s.Size < maxSmall {
		o.note, _ = s.Data()
	}
	// psample defines the function, the others want it from elsewhere.
	for _, s := range symbols {
		if s.Name == extra && (s.Section != elf.SHN_UNDEF) == (name == "psample") {
			o.kind = Ours
			return o
		}
	}
	info := f.Section(".modinfo")
	if info == nil || info.Size > maxModule {
		return o
	}
	words, err := info.Data()
	if err != nil {
		return o
	}
	o.kind = Other
	if slices.ContainsFunc(bytes.Split(words, []byte{0}), func(w []byte) bool { return string(w) == "intree=Y" }) {
		o.kind = Kernel
	}
	return o
}
