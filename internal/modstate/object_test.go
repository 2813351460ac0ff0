// SPDX-License-Identifier: Apache-2.0

package modstate

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// symbol is one of an object made for a test.
type symbol struct {
	name    string
	defined bool
}

// makeObject writes a relocatable object with what inspect looks at.
func makeObject(modinfo string, id byte, symbols ...symbol) []byte {
	note := append([]byte("\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00"), bytes.Repeat([]byte{id}, 20)...)
	strtab, symtab := []byte{0}, make([]byte, 24)
	for _, s := range symbols {
		var sym bytes.Buffer
		shndx := uint16(elf.SHN_UNDEF)
		if s.defined {
			shndx = 1
		}
		_ = binary.Write(&sym, binary.LittleEndian, elf.Sym64{Name: uint32(len(strtab)), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Shndx: shndx})
		symtab = append(symtab, sym.Bytes()...)
		strtab = append(append(strtab, s.name...), 0)
	}
	sections := []struct {
		name    string
		kind    elf.SectionType
		data    []byte
		link    uint32
		entsize uint64
	}{
		{"", elf.SHT_NULL, nil, 0, 0},
		{".modinfo", elf.SHT_PROGBITS, []byte(modinfo), 0, 0},
		{noteName, elf.SHT_NOTE, note, 0, 0},
		{".symtab", elf.SHT_SYMTAB, symtab, 4, 24},
		{".strtab", elf.SHT_STRTAB, strtab, 0, 0},
		{".shstrtab", elf.SHT_STRTAB, nil, 0, 0},
	}
	var names []byte
	for i := range sections {
		names = append(append(names, sections[i].name...), 0)
	}
	sections[5].data = names
	var body, headers bytes.Buffer
	const start = 64
	at := uint32(0)
	for _, s := range sections {
		_ = binary.Write(&headers, binary.LittleEndian, elf.Section64{
			Name: at, Type: uint32(s.kind), Off: uint64(start + body.Len()), Size: uint64(len(s.data)),
			Link: s.link, Addralign: 1, Entsize: s.entsize,
		})
		body.Write(s.data)
		at += uint32(len(s.name)) + 1
	}
	h := elf.Header64{
		Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: uint64(start + body.Len()),
		Ehsize: start, Shentsize: 64, Shnum: uint16(len(sections)), Shstrndx: 5,
	}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	var out bytes.Buffer
	_ = binary.Write(&out, binary.LittleEndian, h)
	out.Write(body.Bytes())
	out.Write(headers.Bytes())
	return out.Bytes()
}

const (
	inTree = "license=GPL\x00intree=Y\x00"
	away   = "license=GPL\x00depends=\x00"
)

func TestInspect(t *testing.T) {
	signed := func(b []byte) []byte { return append(append(b, "noise"...), signature...) }
	for _, tc := range []struct {
		what, name string
		data       []byte
		want       Kind
		signed     bool
	}{
		{"our psample", "psample", makeObject(away, 1, symbol{"psample_sample_packet", true}, symbol{extra, true}), Ours, false},
		{"the kernel's psample", "psample", makeObject(inTree, 1, symbol{"psample_sample_packet", true}), Kernel, false},
		{"signed", "psample", signed(makeObject(inTree, 1, symbol{"psample_sample_packet", true})), Kernel, true},
		{"ours, signed", "psample", signed(makeObject(away, 1, symbol{extra, true})), Ours, true},
		{"psample that wants ours", "psample", makeObject(away, 1, symbol{extra, false}), Other, false},
		{"our act_sample", "act_sample", makeObject(away, 1, symbol{extra, false}), Ours, false},
		{"act_sample that has ours in it", "act_sample", makeObject(away, 1, symbol{extra, true}), Other, false},
		{"the kernel's openvswitch", "openvswitch", makeObject(inTree, 1, symbol{"nf_nat", false}), Kernel, false},
		{"another's openvswitch", "openvswitch", makeObject(away, 1, symbol{"nf_nat", false}), Other, false},
		{"part of the word", "openvswitch", makeObject("xintree=Y\x00", 1, symbol{"x", true}), Other, false},
		{"compressed", "psample", []byte("\xfd7zXZ\x00"), Unknown, false},
		{"empty", "psample", nil, Unknown, false},
		{"cut short", "psample", makeObject(away, 1, symbol{extra, true})[:100], Unknown, false},
	} {
		o := inspect(tc.name, tc.data)
		if o.kind != tc.want || o.signed != tc.signed {
			t.Errorf("%s: %s, signed %v", tc.what, o.kind, o.signed)
		}
	}
	if o := inspect("psample", makeObject(away, 7, symbol{extra, true})); len(o.note) != 36 || o.note[35] != 7 {
		t.Errorf("note %x", o.note)
	}
}

func FuzzInspect(f *testing.F) {
	good := makeObject(away, 1, symbol{extra, true})
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(signature))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := inspect("psample", data)
		switch o.kind {
		case Ours, Kernel, Other, Unknown:
		default:
			t.Errorf("kind %q", o.kind)
		}
		if len(o.note) > maxSmall {
			t.Errorf("note of %d bytes", len(o.note))
		}
	})
}
