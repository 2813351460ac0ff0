// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// libDir is the directory in a stage or image that holds the C library of a
// kernel from another suite.
const libDir = "libs"

// withLibraries writes a copy of a program that is loaded by the dynamic loader
// in libs instead of the system's. Together with LD_LIBRARY_PATH that makes a
// program run beside a system whose C library is older than it wants, without
// a root directory of its own, which would take root or a user namespace.
// (Starting the loader with the program as an argument would not do: user-mode
// Linux derives its memory layout from where the system puts it.)
func withLibraries(from, to, libs string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("prepare kernel: %w", err)
	}
	old, at, err := findInterp(data)
	if err != nil {
		return fmt.Errorf("prepare kernel %s: %w", from, err)
	}
	loader := filepath.Join(libs, filepath.Base(old))
	if _, err := os.Stat(loader); err != nil {
		return fmt.Errorf("prepare kernel: its packages have no such loader: %w", err)
	}
	if err := os.WriteFile(to, setInterp(data, at, loader), 0o755); err != nil {
		return fmt.Errorf("prepare kernel: %w", err)
	}
	return nil
}

// libraryPath checks that a directory can stand in LD_LIBRARY_PATH.
func libraryPath(dir string) error {
	if strings.ContainsAny(dir, ":;$") {
		return fmt.Errorf("prepare kernel: the cache directory %q holds one of : ; $, which the dynamic loader's search path cannot (set XDG_CACHE_HOME)", dir)
	}
	return nil
}

// Layout of a 64-bit program header, <elf.h>.
const (
	progSize   = 56
	progOffset = 8
	progFilesz = 32
)

// findInterp gives a program's loader and the file offset of the program header
// that names it.
func findInterp(data []byte) (loader string, at int, err error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return "", 0, err
	}
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB {
		return "", 0, errors.New("not a 64-bit little-endian program")
	}
	for i, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		if p.Filesz > 4096 {
			break
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return "", 0, err
		}
		// The header's place is checked by elf.NewFile, which read it there.
		table := binary.LittleEndian.Uint64(data[32:])
		return string(bytes.TrimRight(name, "\x00")), int(table) + i*progSize, nil
	}
	return "", 0, errors.New("it names no dynamic loader")
}

// setInterp makes the program header at an offset name another loader, which is
// put at the end of the file. Its address stays: only the kernel, which reads
// the file, needs the new name.
func setInterp(data []byte, at int, loader string) []byte {
	out := append(bytes.Clone(data), loader+"\x00"...)
	binary.LittleEndian.PutUint64(out[at+progOffset:], uint64(len(data)))
	binary.LittleEndian.PutUint64(out[at+progFilesz:], uint64(len(loader)+1))
	return out
}

// isLibrary tells whether a package's file is a shared library of the system's
// first rank: what programs and the loader itself need.
func isLibrary(name string) bool {
	name = strings.TrimPrefix(name, "usr/")
	dir, base := filepath.Split(name)
	dir = strings.TrimPrefix(dir, "lib/")
	return strings.Contains(base, ".so") && strings.Count(dir, "/") == 1 && strings.Contains(dir, "-linux-")
}
