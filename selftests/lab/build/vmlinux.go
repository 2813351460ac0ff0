// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// A distribution's kernel is a small program that unpacks the kernel proper,
// which takes an emulated processor longer than all the rest of the boot. qemu
// also boots the kernel proper itself, if that has the entry point for virtual
// machines (PVH); so the unpacking is done once, here.

// Offsets in the header of a kernel image for x86, boot.rst of the kernel's
// documentation.
const (
	setupSects    = 0x1f1
	bootMagic     = 0x202
	bootVersion   = 0x206
	payloadOffset = 0x248
	payloadLength = 0x24c
	bootHeaderEnd = 0x250
)

// payload gives the compressed kernel in a kernel image, without the four bytes
// of its size that follow it.
func payload(image []byte) ([]byte, error) {
	if len(image) < bootHeaderEnd || string(image[bootMagic:bootMagic+4]) != "HdrS" {
		return nil, errors.New("not a kernel image for x86")
	}
	if v := binary.LittleEndian.Uint16(image[bootVersion:]); v < 0x208 {
		return nil, fmt.Errorf("boot protocol %#x does not tell where the kernel is", v)
	}
	sectors := int64(image[setupSects])
	if sectors == 0 {
		sectors = 4
	}
	from := (sectors+1)*512 + int64(binary.LittleEndian.Uint32(image[payloadOffset:]))
	to := from + int64(binary.LittleEndian.Uint32(image[payloadLength:])) - 4
	if from > to || to > int64(len(image)) {
		return nil, errors.New("the compressed kernel lies outside of the image")
	}
	return image[from:to], nil
}

// unpacker gives the command that unpacks data which begins like this, or nil.
func unpacker(data []byte) []string {
	for magic, command := range map[string][]string{
		"\xfd7zXZ\x00":     {"xz", "-dc", "--single-stream"},
		"\x28\xb5\x2f\xfd": {"zstd", "-dcq"},
	} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return command
		}
	}
	return nil
}

// unpackKernel writes the kernel proper of a kernel image to a file, if qemu
// can boot it so; ok is false if not.
func unpackKernel(ctx context.Context, image, to string) (ok bool, err error) {
	data, err := os.ReadFile(image)
	if err != nil {
		return false, fmt.Errorf("unpack kernel: %w", err)
	}
	packed, err := payload(data)
	if err != nil {
		return false, fmt.Errorf("unpack kernel: %w", err)
	}
	command := unpacker(packed)
	if command == nil {
		return false, nil
	}
	if err := checkTools(unpackTools(command[0])); err != nil {
		return false, err
	}
	dst, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return false, fmt.Errorf("unpack kernel: %w", err)
	}
	defer dst.Close()
	err = filter(ctx, bytes.NewReader(packed), func(r io.Reader) error {
		_, err := io.Copy(dst, r)
		return err
	}, command...)
	if err != nil {
		return false, fmt.Errorf("unpack kernel: %w", err)
	}
	if hasPVH(dst) {
		return true, nil
	}
	return false, os.Remove(to)
}

// pvhNote is XEN_ELFNOTE_PHYS32_ENTRY of xen/interface/elfnote.h.
const pvhNote = 18

// hasPVH tells whether a kernel has the entry point for virtual machines.
func hasPVH(r io.ReaderAt) bool {
	f, err := elf.NewFile(r)
	if err != nil || f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || f.Machine != elf.EM_X86_64 {
		return false
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > 1<<20 {
			continue
		}
		notes := make([]byte, p.Filesz)
		if _, err := p.ReadAt(notes, 0); err == nil && hasNote(notes, "Xen\x00", pvhNote) {
			return true
		}
	}
	return false
}

// hasNote looks for a note by its owner and type.
func hasNote(notes []byte, owner string, kind uint32) bool {
	align := func(n uint32) int64 { return (int64(n) + 3) &^ 3 }
	for len(notes) >= 12 {
		nameLen, descLen := binary.LittleEndian.Uint32(notes), binary.LittleEndian.Uint32(notes[4:])
		got := binary.LittleEndian.Uint32(notes[8:])
		notes = notes[12:]
		end := align(nameLen) + align(descLen)
		if end > int64(len(notes)) {
			return false
		}
		if got == kind && string(notes[:nameLen]) == owner {
			return true
		}
		notes = notes[end:]
	}
	return false
}
