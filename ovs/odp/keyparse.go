// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/nl"
)

// ParseFlow reads what a flow matches in ovs-dpctl's text form, with an optional
// leading ufid:UUID. Addresses also take a prefix length as mask. ports resolves
// names in in_port(NAME). Errors are *SyntaxError: text it does not know is
// never skipped.
func ParseFlow(s string, ports Ports) (UFID, Match, error) {
	p := &keyParser{scanner: scanner{what: "flow", s: s}, ports: ports}
	p.skipDelims()
	ufid, err := p.ufid()
	if err != nil {
		return nil, Match{}, err
	}
	m, err := p.match(0)
	if err != nil {
		return nil, Match{}, err
	}
	switch {
	case p.pos < len(s):
		return nil, Match{}, p.errf(p.pos, "unexpected %q", p.peek())
	case len(m.Fields) == 0:
		return nil, Match{}, p.errf(p.pos, "no keys; a flow needs at least one, such as in_port(1)")
	}
	for _, side := range []func([]byte) ([]byte, error){m.AppendKey, m.AppendMask} {
		if b, err := side(nil); err != nil || len(b) > nl.MaxAttrPayload {
			return nil, Match{}, p.errf(0, "more keys than an attribute holds (%d bytes)", nl.MaxAttrPayload)
		}
	}
	return ufid, m, nil
}

type keyParser struct {
	scanner
	ports Ports
}

func (p *keyParser) ufid() (UFID, error) {
	if !p.acceptString("ufid:") {
		return nil, nil
	}
	at := p.pos
	word := p.span(func(c byte) bool { return isHex(c) || c == '-' })
	u, err := ParseUFID(word)
	if err != nil {
		return nil, p.errf(at, "%v", err)
	}
	return u, nil
}

// match reads keys up to the end or a closing parenthesis, which it leaves.
func (p *keyParser) match(depth int) (Match, error) {
	var m Match
	for {
		p.skipDelims()
		if p.pos == len(p.s) || p.peek() == ')' {
			return m, nil
		}
		at := p.pos
		f, err := p.key(depth)
		if err != nil {
			return m, err
		}
		if m.index(f.Type) >= 0 {
			return m, p.errf(at, "%s appears twice", keyName(f.Type))
		}
		if m.Fields == nil {
			m.Fields = make([]Field, 0, 8)
		}
		m.Fields = append(m.Fields, f)
	}
}

func (p *keyParser) key(depth int) (Field, error) {
	at := p.pos
	name := p.span(isWord)
	if name == "" {
		return Field{}, p.errf(at, "expected a key, found %q", p.peek())
	}
	typ, known := keyTypes[name]
	if !known && name != "unknown" {
		return Field{}, p.errf(at, "unknown key %q", name)
	}
	if err := p.expect('(', name); err != nil {
		return Field{}, err
	}
	var (
		f   Field
		err error
	)
	if known {
		f, err = p.content(typ, specOf(typ), depth)
	} else {
		f, err = p.unknown()
	}
	if err != nil {
		return f, err
	}
	return f, p.expect(')', name)
}

// content reads what stands in the parentheses of a known key.
func (p *keyParser) content(typ uint16, s *keySpec, depth int) (Field, error) {
	f := Field{Type: typ}
	if s.kind == kindNest {
		return p.nested(f, depth)
	}
	both := make([]byte, 2*s.size)
	f.Value, f.Mask = both[:s.size:s.size], both[s.size:]
	var err error
	switch s.kind {
	case kindStruct:
		err = p.parts(s, f)
	case kindPort:
		err = p.inPort(s, f)
	case kindHex32:
		err = p.uint(s.name, f.Value, f.Mask, binary.NativeEndian)
	case kindHex16:
		err = p.uint(s.name, f.Value, f.Mask, binary.NativeEndian)
	case kindEthType:
		if strings.HasPrefix(p.s[p.pos:], "0/") {
			// The kernel's way to match frames without an Ethernet type: the
			// attribute is in the mask alone. ovs-dpctl prints it like this.
			f.Value = nil
		}
		err = p.ethType(s, &f)
	case kindVLAN:
		err = p.vlan(f)
	case kindTCPFlags:
		var v, m uint64
		v, m, err = p.flags(s.name, tcpFlagNames, 16, 0xffff)
		binary.BigEndian.PutUint16(f.Value, uint16(v))
		binary.BigEndian.PutUint16(f.Mask, uint16(m))
	case kindCTState:
		var v, m uint64
		v, m, err = p.flags(s.name, ctStateNames, 32, ctStateExact)
		binary.NativeEndian.PutUint32(f.Value, uint32(v))
		binary.NativeEndian.PutUint32(f.Mask, uint32(m))
	case kindLabels:
		err = p.labels(s.name, f)
	default:
		err = p.errf(p.pos, "%s: no text form", s.name)
	}
	return f, err
}

func (p *keyParser) nested(f Field, depth int) (Field, error) {
	if depth+1 >= maxDepth {
		return f, p.errf(p.pos, "keys nest deeper than %d levels", maxDepth)
	}
	m, err := p.match(depth + 1)
	if err != nil {
		return f, err
	}
	if f.Value, err = m.AppendKey([]byte{}); err == nil {
		f.Mask, err = m.AppendMask([]byte{})
	}
	if err != nil {
		return f, p.errf(p.pos, "encap: %v", err)
	}
	return f, nil
}

// fields calls f for each name=value in the parentheses. Empty places between
// commas, which the kernel selftests' tool prints for parts it hides, are
// skipped.
func (p *keyParser) fields(where string, f func(name string, at int) error) error {
	var (
		room [8]string
		seen = room[:0]
	)
	for {
		p.skipDelims()
		if p.pos == len(p.s) || p.peek() == ')' {
			return nil
		}
		at := p.pos
		name := p.span(isWord)
		if name == "" {
			return p.errf(at, "%s: expected a field, found %q", where, p.peek())
		}
		if slices.Contains(seen, name) {
			return p.errf(at, "%s: %s appears twice", where, name)
		}
		seen = append(seen, name)
		if !p.accept('=') {
			return p.expect('=', where+": "+name)
		}
		if err := f(name, at); err != nil {
			return err
		}
		if c := p.peek(); c != ',' && c != ')' && p.pos < len(p.s) {
			return p.errf(p.pos, "%s: unexpected %q after %s", where, c, name)
		}
	}
}

func (p *keyParser) parts(s *keySpec, f Field) error {
	return p.fields(s.name, func(name string, at int) error {
		for _, part := range s.parts {
			if part.name == name {
				end := part.off + part.kind.partSize()
				return p.part(part.where, part.kind, f.Value[part.off:end], f.Mask[part.off:end])
			}
		}
		return p.errf(at, "%s: no field %q", s.name, name)
	})
}

// unknown reads TYPE[,nested],hex=[VALUE][/MASK].
func (p *keyParser) unknown() (Field, error) {
	t, err := p.number("unknown", 14)
	if err != nil {
		return Field{}, err
	}
	f := Field{Type: uint16(t)}
	if err := p.expect(',', "unknown"); err != nil {
		return f, err
	}
	f.Nested = p.acceptString("nested,") && !isNest(f.Type)
	if !p.acceptString("hex=") {
		return f, p.errf(p.pos, "unknown: hex=... is missing")
	}
	absent := p.acceptString("none")
	if !absent {
		if f.Value, err = p.hexBytes("unknown: hex", -1); err != nil {
			return f, err
		}
	}
	if p.accept('/') {
		f.Mask, err = p.hexBytes("unknown: hex mask", -1)
		return f, err
	}
	if absent {
		return f, p.errf(p.pos, "unknown: neither value nor mask")
	}
	f.Mask = make([]byte, len(f.Value))
	for i := range f.Mask {
		f.Mask[i] = 0xff
	}
	return f, nil
}
