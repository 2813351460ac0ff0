// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Netlink attribute geometry, linux/netlink.h.
const (
	attrHeaderLen = 4 // NLA_HDRLEN
	attrAlign     = 4 // NLA_ALIGNTO

	// NestedFlag is NLA_F_NESTED: the payload is itself a list of attributes.
	NestedFlag uint16 = 1 << 15
	// NetByteOrderFlag is NLA_F_NET_BYTEORDER: the payload is big endian.
	NetByteOrderFlag uint16 = 1 << 14
	// TypeMask is NLA_TYPE_MASK: what remains of a type without its flags.
	TypeMask uint16 = 0x3fff

	// MaxAttrPayload is the largest payload an attribute can carry: its length
	// field is 16 bits wide and counts the 4-byte header.
	MaxAttrPayload = 0xffff - attrHeaderLen
)

// Attr is one netlink attribute. Data aliases the buffer it was read from and
// excludes padding. Integers in it are host order unless NetByteOrder is set
// (or the attribute's own definition says be16/be32, as OVS keys do).
type Attr struct {
	Type         uint16 // without flags
	Nested       bool   // NLA_F_NESTED was set
	NetByteOrder bool   // NLA_F_NET_BYTEORDER was set
	Data         []byte
}

// Attrs walks a list of attributes without judging their types: that is the
// caller's business, so that unknown ones can be kept. A header that is too
// short or runs past the buffer ends the walk with an error that gives its
// offset. Fewer than four trailing bytes are alignment, as in the kernel's
// nla_for_each_attr.
func Attrs(b []byte) iter.Seq2[Attr, error] {
	return func(yield func(Attr, error) bool) {
		for off := 0; len(b)-off >= attrHeaderLen; {
			a, n, err := attrAt(b, off)
			if !yield(a, err) || err != nil {
				return
			}
			off += n
		}
	}
}

// attrAt reads the attribute at off and returns the aligned distance to the
// next one.
func attrAt(b []byte, off int) (Attr, int, error) {
	n := int(binary.NativeEndian.Uint16(b[off:]))
	t := binary.NativeEndian.Uint16(b[off+2:])
	if n < attrHeaderLen || n > len(b)-off {
		return Attr{}, 0, fmt.Errorf("attribute %d at offset %d: length %d does not fit the %d bytes left", t&TypeMask, off, n, len(b)-off)
	}
	a := Attr{
		Type:         t & TypeMask,
		Nested:       t&NestedFlag != 0,
		NetByteOrder: t&NetByteOrderFlag != 0,
		Data:         b[off+attrHeaderLen : off+n : off+n],
	}
	return a, min(align(n), len(b)-off), nil
}

func align(n int) int { return (n + attrAlign - 1) &^ (attrAlign - 1) }

// Uint8 reads a u8 payload; ok is false when the length differs.
func (a Attr) Uint8() (v uint8, ok bool) {
	if len(a.Data) != 1 {
		return 0, false
	}
	return a.Data[0], true
}

// Uint16 reads a host-order u16 payload; ok is false when the length differs.
func (a Attr) Uint16() (v uint16, ok bool) {
	if len(a.Data) != 2 {
		return 0, false
	}
	return binary.NativeEndian.Uint16(a.Data), true
}

// Uint32 reads a host-order u32 payload; ok is false when the length differs.
func (a Attr) Uint32() (v uint32, ok bool) {
	if len(a.Data) != 4 {
		return 0, false
	}
	return binary.NativeEndian.Uint32(a.Data), true
}

// Uint64 reads a host-order u64 payload; ok is false when the length differs.
func (a Attr) Uint64() (v uint64, ok bool) {
	if len(a.Data) != 8 {
		return 0, false
	}
	return binary.NativeEndian.Uint64(a.Data), true
}

// String reads a NUL-terminated string; the terminator may be missing, as
// NLA_STRING allows.
func (a Attr) String() string {
	for i, c := range a.Data {
		if c == 0 {
			return string(a.Data[:i])
		}
	}
	return string(a.Data)
}

// AppendAttr appends one attribute with the given type (flags included) and
// payload, padded with zero bytes. It panics when the payload is larger than
// MaxAttrPayload: callers bound what they were given first.
func AppendAttr(b []byte, typ uint16, payload []byte) []byte {
	if len(payload) > MaxAttrPayload {
		panic("nl: attribute payload larger than 65531 bytes")
	}
	b = binary.NativeEndian.AppendUint16(b, uint16(attrHeaderLen+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, payload...)
	for range align(len(payload)) - len(payload) {
		b = append(b, 0)
	}
	return b
}

// AppendUint8 appends a u8 attribute.
func AppendUint8(b []byte, typ uint16, v uint8) []byte { return AppendAttr(b, typ, []byte{v}) }

// AppendUint16 appends a host-order u16 attribute.
func AppendUint16(b []byte, typ, v uint16) []byte {
	var p [2]byte
	binary.NativeEndian.PutUint16(p[:], v)
	return AppendAttr(b, typ, p[:])
}

// AppendUint32 appends a host-order u32 attribute.
func AppendUint32(b []byte, typ uint16, v uint32) []byte {
	var p [4]byte
	binary.NativeEndian.PutUint32(p[:], v)
	return AppendAttr(b, typ, p[:])
}

// AppendUint64 appends a host-order u64 attribute.
func AppendUint64(b []byte, typ uint16, v uint64) []byte {
	var p [8]byte
	binary.NativeEndian.PutUint64(p[:], v)
	return AppendAttr(b, typ, p[:])
}

// AppendString appends a NUL-terminated string attribute (NLA_NUL_STRING).
func AppendString(b []byte, typ uint16, s string) []byte {
	return AppendAttr(b, typ, append([]byte(s), 0))
}

// AppendFlag appends an attribute without payload (NLA_FLAG).
func AppendFlag(b []byte, typ uint16) []byte { return AppendAttr(b, typ, nil) }

// AppendNested appends a nest: fill appends the inner attributes to the buffer
// it is given and returns it. NLA_F_NESTED is set, which the kernel's strict
// parsers require. The error tells that the nest outgrew the 16-bit length.
func AppendNested(b []byte, typ uint16, fill func([]byte) ([]byte, error)) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b, err := fill(b)
	if err != nil {
		return nil, err
	}
	n := len(b) - start
	if n > 0xffff {
		return nil, fmt.Errorf("attribute %d: nested attributes take %d bytes, an attribute holds at most %d", typ&TypeMask, n-attrHeaderLen, MaxAttrPayload)
	}
	binary.NativeEndian.PutUint16(b[start:], uint16(n))
	binary.NativeEndian.PutUint16(b[start+2:], typ|NestedFlag)
	return b, nil
}
