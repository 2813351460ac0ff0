// SPDX-License-Identifier: Apache-2.0

// Package layout describes the attributes a datapath flow key is made of: one
// table per nesting level with names, sizes and parts. Text, JSON, checks and
// random test values all come from these tables.
package layout

import (
	"encoding/binary"

	"github.com/dpscope/dpscope/nl"
)

// Kind says what the bytes of an attribute, or of a part of one, are.
type Kind uint8

// Kinds of attributes and parts.
const (
	Unknown Kind = iota // bytes without a name

	Dec     // number, decimal in text
	Hex     // number, hexadecimal in text
	Hex0    // the same, with 0x also on zero
	MAC     // 6 bytes
	IPv4    // 4 bytes
	IPv6    // 16 bytes
	Label20 // big-endian u32 with the 20 bits of an IPv6 flow label
	Frag    // enum ovs_frag_type

	// Of whole attributes only.
	Port      // host u32, the number of a port
	EtherType // big-endian u16
	TCPFlags  // big-endian u16
	CTState   // host u32, OVS_CS_F_*
	Label128  // 16 bytes, the least significant first
	Struct    // parts
	VLAN      // parts of a TCI
	MPLS      // any number of label stack entries, parts each
	Nest      // attributes of another table
	Flag      // nothing, presence says it
	Geneve    // any number of Geneve options
	Erspan    // struct erspan_metadata
	Bytes     // bytes that have a name
)

// Part is a member of a structure: whole bytes or some bits of them.
type Part struct {
	Name  string
	Off   int // of the bytes that hold it
	Size  int // how many they are
	Shift int // of its lowest bit in them
	Bits  int // 0: all of them
	Host  bool
	Kind  Kind
	Alias string // another name that texts use
}

// Attr is the layout of an attribute.
type Attr struct {
	Name  string // in text and JSON; empty without one
	Const string // in the kernel's header
	Kind  Kind
	Size  int // of the payload, of one entry for MPLS, of an option without data for Geneve; 0 where it varies
	Host  bool
	Parts []Part
	Nest  *Table
	// Pad marks an attribute that only aligns what follows it.
	Pad bool
	// Userspace marks what only the userspace datapath has, Foreign what only
	// the kernel has and ovs-dpctl no words for.
	Userspace, Foreign bool

	used []byte // bits that belong to parts
}

// Table holds the attributes of one nesting level by their type.
type Table struct {
	Attrs []Attr
	// Order is in which order the kernel writes the attributes, where that
	// is not the order of their types.
	Order []uint16
	// Twin is another attribute with the number of one in Attrs, told apart
	// by its size.
	Twin     Attr
	TwinType uint16

	types map[string]uint16
}

var unknown Attr

// Attr is the layout of a type; its Kind is Unknown for one without a name.
func (t *Table) Attr(typ uint16) *Attr {
	if int(typ) < len(t.Attrs) {
		return &t.Attrs[typ]
	}
	return &unknown
}

// For is Attr, or its twin when the payload has the twin's size.
func (t *Table) For(typ uint16, payload []byte) *Attr {
	if t.TwinType == typ && t.Twin.Kind != Unknown && len(payload) == t.Twin.Size {
		return &t.Twin
	}
	return t.Attr(typ)
}

// Named is the attribute with this name in text and JSON.
func (t *Table) Named(name string) (uint16, *Attr, bool) {
	if t.Twin.Kind != Unknown && name == t.Twin.Name {
		return t.TwinType, &t.Twin, true
	}
	typ, ok := t.types[name]
	return typ, t.Attr(typ), ok
}

// index prepares a table for use.
func (t *Table) index() {
	t.types = make(map[string]uint16, len(t.Attrs))
	for typ := range t.Attrs {
		a := &t.Attrs[typ]
		a.cover()
		if a.Name != "" {
			t.types[a.Name] = uint16(typ)
		}
	}
	t.Twin.cover()
}

// Spec names the attributes for paths in errors.
func (t *Table) Spec() *nl.AttrSpec {
	s := &nl.AttrSpec{Names: map[uint16]string{}, Nests: map[uint16]*nl.AttrSpec{}}
	for typ, a := range t.Attrs {
		if a.Const == "" {
			continue
		}
		s.Names[uint16(typ)] = a.Const
		switch a.Nest {
		case nil:
		case t:
			s.Nests[uint16(typ)] = s
		default:
			s.Nests[uint16(typ)] = a.Nest.Spec()
		}
	}
	return s
}

// cover finds which bits belong to parts.
func (a *Attr) cover() {
	if a.Parts == nil || a.Kind == Geneve { // options differ in length
		return
	}
	a.used = make([]byte, a.Size)
	for _, p := range a.Parts {
		if p.Bits != 0 {
			p.Put(a.used, p.Max())
			continue
		}
		for i := range p.Size {
			a.used[p.Off+i] = 0xff
		}
	}
}

// Fits tells whether a payload has the documented size. What a nest holds is
// another question.
func (a *Attr) Fits(b []byte) bool {
	switch a.Kind {
	case Unknown:
		return false
	case Nest, Bytes, Geneve:
		return true
	case MPLS:
		return len(b) > 0 && len(b)%a.Size == 0
	default:
		return len(b) == a.Size
	}
}

// Clean tells whether the bits outside all parts, padding mostly, are zero.
func (a *Attr) Clean(b []byte) bool {
	if a.used == nil {
		return true
	}
	for i, c := range b {
		if c&^a.used[i%a.Size] != 0 {
			return false
		}
	}
	return true
}

// Whole is a number that is a whole attribute as a part of it.
func (a *Attr) Whole() Part { return Part{Name: a.Name, Size: a.Size, Host: a.Host, Kind: a.Kind} }

// Bytes is the part's bytes of a structure. They hold nothing else unless Bits
// is set.
func (p *Part) Bytes(b []byte) []byte { return b[p.Off : p.Off+p.Size : p.Off+p.Size] }

func (p *Part) order() binary.ByteOrder {
	if p.Host {
		return binary.NativeEndian
	}
	return binary.BigEndian
}

// Max is the largest value the part holds.
func (p *Part) Max() uint64 {
	if p.Bits == 0 {
		return 1<<(8*p.Size-1)<<1 - 1
	}
	return 1<<p.Bits - 1
}

// Get reads the number from a structure.
func (p *Part) Get(b []byte) uint64 {
	var v uint64
	switch b = b[p.Off:]; p.Size {
	case 1:
		v = uint64(b[0])
	case 2:
		v = uint64(p.order().Uint16(b))
	case 4:
		v = uint64(p.order().Uint32(b))
	case 8:
		v = p.order().Uint64(b)
	}
	return v >> p.Shift & p.Max()
}

// Put writes the number into a structure.
func (p *Part) Put(b []byte, v uint64) {
	whole := Part{Off: p.Off, Size: p.Size, Host: p.Host}
	if p.Bits != 0 {
		v = whole.Get(b)&^(p.Max()<<p.Shift) | (v&p.Max())<<p.Shift
	}
	switch b = b[p.Off:]; p.Size {
	case 1:
		b[0] = byte(v)
	case 2:
		p.order().PutUint16(b, uint16(v))
	case 4:
		p.order().PutUint32(b, uint32(v))
	case 8:
		p.order().PutUint64(b, v)
	}
}

// Part finds a part by its name or alias.
func (a *Attr) Part(name string) *Part {
	for i := range a.Parts {
		if p := &a.Parts[i]; p.Name == name || p.Alias != "" && p.Alias == name {
			return p
		}
	}
	return nil
}
