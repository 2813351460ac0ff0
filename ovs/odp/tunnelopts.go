// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

var (
	geneveOpt = layout.Tunnel.Attr(uapi.OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS)
	gbp       = layout.Tunnel.Attr(uapi.OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS).Nest.Attr(uapi.OVS_VXLAN_EXT_GBP)
)

// geneveNamed tells whether Geneve options can be written one by one, and for
// lossless text whether nothing is in their reserved bits.
func geneveNamed(value, mask []byte, exact, lossless bool) bool {
	if !layout.GeneveFits(value) || mask != nil && len(mask) != len(value) {
		return false
	}
	reserved := geneveOpt.Part("reserved")
	for off := 0; lossless && off < len(value); {
		n, _ := layout.GeneveLen(value[off:])
		if reserved.Get(value[off:]) != 0 || !exact && mask != nil && reserved.Get(mask[off:]) != 0 {
			return false
		}
		off += n
	}
	return true
}

// appendGeneve writes {class=...,type=...,len=...,DATA} for each option.
func appendGeneve(b, value, mask []byte, o *TextOptions) []byte {
	for len(value) > 0 {
		n, ok := layout.GeneveLen(value)
		if !ok {
			return b // ruled out by geneveNamed
		}
		b = append(b, '{')
		b = appendGeneveOpt(b, value[:n], mask, o)
		b = append(b, '}')
		if value = value[n:]; mask != nil {
			mask = mask[n:]
		}
	}
	return b
}

func appendGeneveOpt(b, opt, mask []byte, o *TextOptions) []byte {
	start := len(b)
	for i := range geneveOpt.Parts[:2] {
		p := &geneveOpt.Parts[i]
		if !hidden(p, opt, mask, o) {
			b = append(append(separate(b, start), p.Name...), '=')
			b = appendPart(b, p, opt, mask, o.Lossless)
		}
	}
	length := geneveOpt.Part("length")
	if !hidden(length, opt, mask, o) {
		b = appendArg(b, start, "len", 4*length.Get(opt))
		if mask != nil && length.Get(mask) != length.Max() {
			b = appendAltHex(append(b, '/'), length.Get(mask))
		}
	}
	data := opt[layout.GeneveHeader:]
	if len(data) == 0 {
		return b
	}
	if mask != nil {
		mask = mask[layout.GeneveHeader:len(opt)]
	}
	if mask != nil && !o.verbose() && allBytes(mask, 0) {
		return b
	}
	b = appendHexBytes(separate(b, start), data)
	if mask != nil && !allBytes(mask, 0xff) {
		b = appendHexBytes(append(b, '/'), mask)
	}
	return b
}

// geneve reads any number of options.
func (p *keyParser) geneve(f *Field) error {
	f.Value, f.Mask = []byte{}, []byte{}
	for {
		for p.peek() == ' ' {
			p.pos++
		}
		at := p.pos
		if !p.accept('{') {
			return nil
		}
		if err := p.geneveOpt(f); err != nil {
			return err
		}
		if len(f.Value) > nl.MaxAttrPayload {
			return p.errf(at, "geneve: more options than an attribute holds (%d bytes)", nl.MaxAttrPayload)
		}
	}
}

func (p *keyParser) geneveOpt(f *Field) error {
	const key = "geneve"
	var (
		header, mask [layout.GeneveHeader]byte
		data, dm     []byte
		length       = geneveOpt.Part("length")
	)
	for i := 0; !p.accept('}'); i++ {
		if i > 0 {
			if err := p.expect(',', key, ""); err != nil {
				return err
			}
		}
		at := p.pos
		name := p.span(isWord)
		w := where{key: key, field: name}
		if c := p.peek(); c != '=' { // the data, a number without a name
			p.pos = at
			if data != nil {
				return p.errf(at, "%s: expected a field, found %q", key, c)
			}
			n := 4 * int(length.Get(header[:]))
			data, dm = make([]byte, n), fullMask(n)
			w.field = "data"
			if err := p.wideNumber(w, data); err != nil {
				return err
			}
			if p.accept('/') {
				if err := p.wideNumber(w.ofMask(), dm); err != nil {
					return err
				}
			}
			continue
		}
		p.pos++
		if data != nil {
			return p.errf(at, "%s: the data comes last", key)
		}
		part := geneveOpt.Part(name)
		switch {
		case name == "len":
			from := p.pos
			v, m, err := p.masked(w, 8, 0xff)
			if err != nil {
				return err
			}
			if v%4 != 0 || v > 4*length.Max() {
				return p.errf(from, "%s: a multiple of 4 up to %d", w, 4*length.Max())
			}
			length.Put(header[:], v/4)
			length.Put(mask[:], m)
		case part == nil || part == length || part.Name == "reserved":
			return p.noField(key, name, at)
		default:
			if err := p.part(w, part, header[:], mask[:]); err != nil {
				return err
			}
		}
	}
	if data == nil {
		n := 4 * int(length.Get(header[:]))
		data, dm = make([]byte, n), make([]byte, n)
	}
	f.Value = append(append(f.Value, header[:]...), data...)
	f.Mask = append(append(f.Mask, mask[:]...), dm...)
	return nil
}

// erspanNamed tells whether erspan(...) has words for a value: of the two
// versions, and losslessly only where the words say everything. What has no
// word is zero, and its mask full, as ovs-dpctl has it.
func erspanNamed(value, mask []byte, exact, lossless bool) bool {
	parts := layout.ErspanParts(layout.ErspanVersion(value))
	if parts == nil {
		return false
	}
	for i := range parts {
		if p := &parts[i]; lossless && !erspanWord(p) {
			if p.Get(value) != 0 || !exact && (mask == nil || p.Get(mask) != p.Max()) {
				return false
			}
		}
	}
	return true
}

// erspanWord tells whether text shows a part.
func erspanWord(p *layout.Part) bool {
	switch p.Name {
	case "ver", "idx", "dir", "hwid":
		return true
	}
	return false
}

func appendErspan(b, value, mask []byte, o *TextOptions) []byte {
	start := len(b)
	parts := layout.ErspanParts(layout.ErspanVersion(value))
	for i := range parts {
		p := &parts[i]
		if !erspanWord(p) {
			continue
		}
		v, m, full := p.Get(value), uint64(0), p.Max()
		if mask != nil {
			m = p.Get(mask)
		}
		switch {
		case o.Lossless:
		case p.Name == "ver":
			v, m, full = v&0xff, m&0xff, 0xff // the byte ovs-dpctl looks at
		case p.Bits != 0:
			full = 0xff // and here the whole byte, so that a mask is always shown
		}
		shown := mask != nil && m != full
		if p.Name == "idx" {
			shown = mask != nil && (m != full || !o.Lossless)
		} else if mask != nil && m == 0 && !o.verbose() {
			continue
		}
		b = append(append(separate(b, start), p.Name...), '=')
		if p.Kind == layout.Hex {
			b = appendAltHex(b, v)
		} else {
			b = appendDec(b, v)
		}
		if shown {
			b = appendAltHex(append(b, '/'), m)
		}
	}
	return b
}

// erspan reads ver=1,idx=N or ver=2,dir=N,hwid=N.
func (p *keyParser) erspan(f *Field) error {
	f.Value, f.Mask = make([]byte, 12), fullMask(12)
	at := p.pos
	var parts []layout.Part
	err := p.values("erspan", func(name string, at int) error {
		w := where{key: "erspan", field: name}
		if name == "ver" {
			from := p.pos
			v, m, err := p.masked(w, 32, 1<<32-1)
			if err != nil {
				return err
			}
			if parts = layout.ErspanParts(uint32(v)); parts == nil {
				return p.errf(from, "%s: there are versions 1 and 2", w)
			}
			parts[0].Put(f.Value, v)
			parts[0].Put(f.Mask, m)
			for i := range parts {
				if i > 0 && erspanWord(&parts[i]) {
					parts[i].Put(f.Mask, 0)
				}
			}
			return nil
		}
		if parts == nil {
			return p.errf(at, "erspan: ver=N comes first")
		}
		for i := range parts {
			part := &parts[i]
			if part.Name != name || !erspanWord(part) {
				continue
			}
			bits := part.Bits
			if bits == 0 {
				bits = 32
			}
			v, err := p.number(w, bits)
			m := part.Max()
			if err == nil && p.accept('/') {
				m, err = p.number(w.ofMask(), max(8, bits))
			}
			part.Put(f.Value, v)
			part.Put(f.Mask, m)
			return err
		}
		return p.noField("erspan", name, at)
	})
	if err == nil && parts == nil {
		err = p.errf(at, "erspan: ver=N is missing")
	}
	return err
}

// vxlanNamed tells whether the nest of VXLAN extensions can be written by name.
// In lossless text that is one group policy and nothing else.
func vxlanNamed(b []byte, lossless bool) bool {
	n := 0
	for at, err := range allAttrs(b) {
		if err != nil {
			return false
		}
		if !lossless {
			continue
		}
		if n++; n > 1 || at.Type != uapi.OVS_VXLAN_EXT_GBP || at.Nested || at.NetByteOrder || !gbp.Fits(at.Data) || !gbp.Clean(at.Data) {
			return false
		}
	}
	return n == 1 || !lossless
}

func appendVXLAN(b, value, mask []byte, exact bool, o *TextOptions) []byte {
	start := len(b)
	for at, err := range nl.Attrs(value) {
		if err != nil {
			break
		}
		f := Field{Type: at.Type, Value: notNil(at.Data)}
		if m, ok := find(mask, at.Type); ok && !exact {
			f.Mask = notNil(m.Data)
		}
		switch {
		case at.Type != uapi.OVS_VXLAN_EXT_GBP:
			b = f.appendForeign(separate(b, start), exact)
			continue
		case !gbp.Fits(f.Value) || f.Mask != nil && !gbp.Fits(f.Mask):
			b = f.appendUnknown(separate(b, start), exact)
			continue
		}
		m := f.Mask
		if m == nil && !exact {
			m = zeroMask(gbp.Size)
		}
		b = append(separate(b, start), "gbp("...)
		b = append(appendParts(b, gbp, f.Value, m, o), ')')
	}
	return b
}

// vxlan reads gbp(id=N,flags=N).
func (p *keyParser) vxlan(f *Field) error {
	var value, mask [4]byte
	at := p.pos
	found := false
	err := p.fields("vxlan", func(name string, at int) error {
		if name != "gbp" {
			return p.noField("vxlan", name, at)
		}
		found = true
		if err := p.expect('(', "vxlan", name); err != nil {
			return err
		}
		if err := p.parts(gbp, value[:], mask[:]); err != nil {
			return err
		}
		return p.expect(')', "vxlan", name)
	})
	if err == nil && !found {
		err = p.errf(at, "vxlan: gbp(...) is missing")
	}
	f.Value = nl.AppendAttr(nil, uapi.OVS_VXLAN_EXT_GBP, value[:])
	f.Mask = nl.AppendAttr(nil, uapi.OVS_VXLAN_EXT_GBP, mask[:])
	return err
}
