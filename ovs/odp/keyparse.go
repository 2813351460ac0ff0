// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// Ports maps device names to datapath port numbers, so that text may name a
// port; nil knows none. Devices whose names are numbers cannot be named.
type Ports map[string]uint32

// ParseFlow reads what a flow matches in ovs-dpctl's text form, with an optional
// leading ufid:UUID. Addresses also take a prefix length as mask. ports resolves
// names in in_port(NAME). Errors are *SyntaxError: text it does not know is
// never skipped.
func ParseFlow(s string, ports Ports) (UFID, Match, error) {
	return ParseOptions{Ports: ports}.Flow(s)
}

// Flow is ParseFlow with options.
func (o ParseOptions) Flow(s string) (UFID, Match, error) {
	p := &keyParser{scanner{what: "flow", s: s, ParseOptions: o}}
	p.skipDelims()
	ufid, err := p.ufid()
	if err != nil {
		return nil, Match{}, err
	}
	p.skipDelims()
	unmasked := p.acceptString("unmasked()")
	m, err := p.match(0)
	m.Exact = unmasked
	if err != nil {
		return nil, Match{}, err
	}
	switch {
	case p.pos < len(s):
		return nil, Match{}, p.errf(p.pos, "unexpected %q", p.peek())
	case len(m.Fields) == 0:
		return nil, Match{}, p.errf(p.pos, "no keys; a flow needs at least one, such as in_port(1)")
	}
	if unmasked {
		for i := range m.Fields {
			m.Fields[i].Mask = nil
		}
	}
	if len(s) < nl.MaxAttrPayload/8 {
		return ufid, m, nil // no text says more than eight bytes a letter
	}
	for _, side := range []func([]byte) ([]byte, error){m.AppendKey, m.AppendMask} {
		if b, err := side(nil); err != nil || len(b) > nl.MaxAttrPayload {
			return nil, Match{}, p.errf(0, "more keys than an attribute holds (%d bytes)", nl.MaxAttrPayload)
		}
	}
	return ufid, m, nil
}

type keyParser struct{ scanner }

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
	var (
		m      Match
		halves bool // a value without mask, or a mask without value
	)
	for {
		p.skipDelims()
		if p.pos == len(p.s) || p.peek() == ')' {
			if halves {
				m.unite()
			}
			return m, nil
		}
		at := p.pos
		f, err := p.key(depth)
		if err != nil {
			return m, err
		}
		for i := range m.Fields {
			if g := &m.Fields[i]; g.Type == f.Type && (g.Value != nil && f.Value != nil || g.Mask != nil && f.Mask != nil) {
				return m, p.errf(at, "%s appears twice", keyName(f.Type))
			}
		}
		if m.Fields == nil {
			m.Fields = make([]Field, 0, 12)
		}
		m.Fields = append(m.Fields, f)
		halves = halves || f.Value == nil || f.Mask == nil
	}
}

// key reads NAME(...).
func (p *keyParser) key(depth int) (Field, error) {
	at := p.pos
	name := p.span(isWord)
	if name == "" {
		return Field{}, p.errf(at, "expected a key, found %q", p.peek())
	}
	typ, a, known := layout.Keys.Named(name)
	number, foreign := foreignKey(name)
	if !known && !foreign && name != "unknown" {
		return Field{}, p.errf(at, "unknown key %q", name)
	}
	if err := p.expect('(', name, ""); err != nil {
		return Field{}, err
	}
	var (
		f   Field
		err error
	)
	switch {
	case known:
		f, err = p.content(typ, a, depth)
	case foreign:
		f, err = p.foreign(name, number)
	default:
		f, err = p.unknown(depth)
	}
	if err != nil {
		return f, err
	}
	return f, p.expect(')', name, "")
}

// foreignKey takes keyN apart, ovs-dpctl's name for a key it does not know.
func foreignKey(name string) (typ uint16, ok bool) {
	digits, ok := strings.CutPrefix(name, "key")
	if !ok || !isNumeral(digits) {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 14)
	return uint16(n), err == nil
}

// foreign reads bytes of two digits each, value[/mask].
func (p *keyParser) foreign(name string, typ uint16) (f Field, err error) {
	f.Type = typ
	w := where{key: name}
	if f.Value, err = p.spacedHex(w); err != nil {
		return f, err
	}
	f.Mask = fullMask(len(f.Value))
	if p.accept('/') {
		f.Mask, err = p.spacedHex(w.ofMask())
	}
	return f, err
}

// unknown reads a key by number.
func (p *keyParser) unknown(depth int) (Field, error) {
	f, _, err := p.raw()
	if err != nil || !isNest(layout.Keys, f.Type) {
		return f, err
	}
	f.Nested = false // by definition
	if nest := layout.Keys.Attr(f.Type).Nest; depth+1 < maxDepth {
		if f.Value != nil {
			f.Value = normalNest(f.Value, nest, depth+1)
		}
		if f.Mask != nil {
			f.Mask = normalNest(f.Mask, nest, depth+1)
		}
	}
	return f, nil
}

// values is fields for name=value.
func (p *scanner) values(key string, f func(name string, at int) error) error {
	return p.fields(key, func(name string, at int) error {
		if err := p.expect('=', key, name); err != nil {
			return err
		}
		return f(name, at)
	})
}

// content reads what stands in the parentheses of a known key.
func (p *keyParser) content(typ uint16, a *layout.Attr, depth int) (Field, error) {
	f := Field{Type: typ}
	w := where{key: a.Name}
	switch a.Kind {
	case layout.Nest:
		return f, p.nest(&f, depth)
	case layout.MPLS:
		return f, p.mpls(a, &f)
	default:
	}
	f.Value, f.Mask = p.pair(a.Size)
	switch typ := f.Type; {
	case p.peek() != ')':
	case typ == uapi.OVS_KEY_ATTR_CT_ZONE, typ == uapi.OVS_KEY_ATTR_CT_MARK, typ == uapi.OVS_KEY_ATTR_CT_LABELS:
		return f, nil // so ovs-dpctl prints one of which no bit matters
	}
	var err error
	switch a.Kind {
	case layout.Struct:
		err = p.parts(a, f.Value, f.Mask)
	case layout.Port:
		err = p.inPort(w, f)
	case layout.EtherType:
		if p.acceptString("0/") {
			// The kernel's way to match frames without an Ethernet type: the
			// attribute is in the mask alone. ovs-dpctl prints it like this.
			f.Value = nil
			p.pos -= 2
		}
		part := a.Whole()
		value := f.Value
		if value == nil {
			value = make([]byte, a.Size)
		}
		err = p.part(w, &part, value, f.Mask)
	case layout.VLAN:
		err = p.vlan(f)
	case layout.TCPFlags:
		var v, m uint64
		v, m, err = p.flagsOf(w, tcpFlags, 16, 0xffff)
		binary.BigEndian.PutUint16(f.Value, uint16(v))
		binary.BigEndian.PutUint16(f.Mask, uint16(m))
	case layout.CTState:
		var v, m uint64
		v, m, err = p.flagsOf(w, ctStates, 32, ctStateExact)
		binary.NativeEndian.PutUint32(f.Value, uint32(v))
		binary.NativeEndian.PutUint32(f.Mask, uint32(m))
	case layout.Label128:
		err = p.labels(w, f.Value, f.Mask)
	default:
		part := a.Whole()
		err = p.part(w, &part, f.Value, f.Mask)
	}
	return f, err
}

// flagsOf reads the flags of a whole key. To ovs-dpctl.py a number alone means
// these flags set, whatever the others are.
func (p *keyParser) flagsOf(w where, s flagSet, bits int, exact uint64) (v, m uint64, err error) {
	at := p.pos
	if v, m, err = p.flags(w, s, bits, exact); err != nil || p.Dialect != Kselftest {
		return v, m, err
	}
	if isNumeral(p.s[at:p.pos]) {
		m = v
	}
	return v, m, nil
}

func (p *keyParser) parts(a *layout.Attr, value, mask []byte) error {
	return p.values(a.Name, func(name string, at int) error {
		part := a.Part(name)
		if part == nil {
			return p.noField(a.Name, name, at)
		}
		return p.part(where{key: a.Name, field: name}, part, value, mask)
	})
}

func (p *keyParser) inPort(w where, f Field) error {
	at := p.pos
	word, port, ok := p.device()
	if ok {
		binary.NativeEndian.PutUint32(f.Value, port)
		copy(f.Mask, ones[:])
		return nil
	}
	p.pos = at
	if word != "" && (word[0] < '0' || word[0] > '9') {
		return p.errName(at, word, "in_port: no port %q in the datapath", word)
	}
	part := layout.Part{Size: 4, Host: true, Kind: layout.Dec}
	return p.part(w, &part, f.Value, f.Mask)
}

func (p *keyParser) nest(f *Field, depth int) error {
	switch f.Type {
	case uapi.OVS_KEY_ATTR_TUNNEL:
		return p.tunnel(f)
	case uapi.OVS_KEY_ATTR_NSH:
		return p.nsh(f)
	}
	at := p.pos
	if depth+1 >= maxDepth {
		return p.errf(at, "keys nest deeper than %d levels", maxDepth)
	}
	m, err := p.match(depth + 1)
	if err != nil {
		return err
	}
	if len(m.Fields) == 0 && p.Dialect == Kselftest {
		return p.errf(at, "encap: no keys inside")
	}
	if f.Value, err = m.AppendKey([]byte{}); err == nil {
		f.Mask, err = m.AppendMask([]byte{})
	}
	if err != nil || len(f.Value) > nl.MaxAttrPayload || len(f.Mask) > nl.MaxAttrPayload {
		return p.errf(at, "encap: more keys than an attribute holds (%d bytes)", nl.MaxAttrPayload)
	}
	return nil
}
