// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

var ones = [16]byte{
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
}

// part reads value[/mask] into a structure and its mask.
func (p *scanner) part(w where, part *layout.Part, value, mask []byte) error {
	switch part.Kind {
	case layout.MAC:
		return p.mac(w, part.Bytes(value), part.Bytes(mask))
	case layout.IPv4, layout.IPv6:
		return p.address(w, part.Bytes(value), part.Bytes(mask))
	case layout.Frag:
		for v, name := range fragNames {
			if p.acceptString(name) {
				part.Put(value, uint64(v))
				part.Put(mask, part.Max())
				return nil
			}
		}
		if c := p.peek(); c < '0' || c > '9' {
			return p.errf(p.pos, "%s: want no, first or later", w)
		}
	default:
	}
	bits, exact := part.Bits, part.Max()
	if bits == 0 {
		bits = 8 * part.Size
	}
	at := p.pos
	if part.Kind == layout.Label20 {
		exact = flowLabelMask
	}
	v, m, err := p.masked(w, bits, exact)
	if err == nil && part.Kind == layout.Label20 && v > flowLabelMask {
		err = p.errf(at, "%s: 0x%x does not fit 20 bits", w, v)
	}
	part.Put(value, v)
	part.Put(mask, m)
	return err
}

func (p *scanner) mac(w where, value, mask []byte) error {
	if err := p.oneMAC(w, value); err != nil {
		return err
	}
	copy(mask, ones[:])
	if p.accept('/') {
		return p.oneMAC(w.ofMask(), mask)
	}
	return nil
}

func (p *scanner) oneMAC(w where, b []byte) error {
	at := p.pos
	for i := range b {
		if i > 0 && !p.accept(':') {
			return p.errf(at, "%s: want a MAC address such as 02:00:00:00:00:01", w)
		}
		digits := p.span(isHex)
		if len(digits) == 0 || len(digits) > 2 {
			return p.errf(at, "%s: want a MAC address such as 02:00:00:00:00:01", w)
		}
		b[i] = hexValue(digits)
	}
	return nil
}

func (p *scanner) address(w where, value, mask []byte) error {
	if err := p.oneAddress(w, value); err != nil {
		return err
	}
	copy(mask, ones[:])
	if !p.slash() {
		return nil
	}
	at := p.pos
	if digits := p.span(isWord); isDigits(digits) && digits != "" && p.peek() != '.' && p.peek() != ':' {
		p.pos = at
		n, err := p.number(w, 8)
		if err != nil {
			return err
		}
		if n > uint64(8*len(mask)) {
			return p.errf(at, "%s: prefix length %d is more than %d", w, n, 8*len(mask))
		}
		clear(mask)
		for i := range n {
			mask[i/8] |= 0x80 >> (i % 8)
		}
		return nil
	}
	p.pos = at
	return p.oneAddress(w.ofMask(), mask)
}

func (p *scanner) oneAddress(w where, b []byte) error {
	at := p.pos
	word := p.span(isAddress)
	a, err := netip.ParseAddr(word)
	if err != nil || a.BitLen() != 8*len(b) {
		want := "an IPv4 address"
		if len(b) == 16 {
			want = "an IPv6 address"
		}
		return p.errf(at, "%s: want %s, found %q", w, want, word)
	}
	if a.Is4() {
		v4 := a.As4()
		copy(b, v4[:])
	} else {
		v6 := a.As16()
		copy(b, v6[:])
	}
	return nil
}

func isAddress(c byte) bool { return isHex(c) || c == '.' || c == ':' }

// labels reads a 128-bit number and its mask, which are stored with the least
// significant byte first.
func (p *scanner) labels(w where, value, mask []byte) error {
	if err := p.oneLabel(w, value); err != nil {
		return err
	}
	copy(mask, ones[:])
	if p.accept('/') {
		return p.oneLabel(w.ofMask(), mask)
	}
	return nil
}

func (p *scanner) oneLabel(w where, b []byte) error {
	err := p.wideNumber(w, b)
	slices.Reverse(b)
	return err
}

// raw reads TYPE[,nested][,net],hex=VALUE[/MASK] in any order, as appendRaw
// writes it. none stands for a side that is not there. Without a mask it is full.
func (p *scanner) raw() (f Field, masked bool, err error) {
	t, err := p.number(where{key: "unknown"}, 14)
	if err != nil {
		return f, false, err
	}
	f.Type = uint16(t)
	found := false
	err = p.fields("unknown", func(name string, at int) (err error) {
		switch name {
		case "nested":
			f.Nested = true
		case "net":
			f.NetByteOrder = true
		case "hex":
			found = true
			if err = p.expect('=', "unknown", "hex"); err != nil {
				return err
			}
			if f.Value, err = p.rawSide(where{key: "unknown", field: "hex"}); err != nil {
				return err
			}
			if masked = p.accept('/'); masked {
				f.Mask, err = p.rawSide(where{key: "unknown", field: "hex", mask: true})
			}
		default:
			err = p.noField("unknown", name, at)
		}
		return err
	})
	switch {
	case err != nil:
	case !found:
		err = p.errf(p.pos, "unknown: hex=... is missing")
	case f.Value == nil && f.Mask == nil:
		err = p.errf(p.pos, "unknown: neither value nor mask")
	case !masked:
		f.Mask = fullMask(len(f.Value))
	}
	return f, masked, err
}

func (p *scanner) rawSide(w where) ([]byte, error) {
	if strings.HasPrefix(p.s[p.pos:], "none") {
		p.pos += len("none")
		return nil, nil
	}
	return p.hexBytes(w, -1)
}

func fullMask(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 0xff
	}
	return b
}

// spacedHex reads bytes written apart.
func (p *scanner) spacedHex(w where) ([]byte, error) {
	b := []byte{}
	for {
		for p.accept(' ') {
		}
		if !isHex(p.peek()) {
			return b, nil
		}
		at := p.pos
		digits := p.span(isWord)
		if len(digits) != 2 || !isNumber(digits, 16) {
			return nil, p.errf(at, "%s: want bytes of two hex digits each, found %q", w, digits)
		}
		if len(b) == nl.MaxAttrPayload {
			return nil, p.errf(at, "%s: more bytes than an attribute holds", w)
		}
		b = append(b, hexValue(digits))
	}
}
