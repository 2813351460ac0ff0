// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"net/netip"

	"github.com/dpscope/dpscope/nl/uapi"
)

// uint reads n or n/m into both sides, whose length gives the width.
func (p *keyParser) uint(where string, value, mask []byte, order binary.ByteOrder) error {
	bits := 8 * len(value)
	v, m, err := p.masked(where, bits, 1<<bits-1)
	if err != nil {
		return err
	}
	putUint(value, v, order)
	putUint(mask, m, order)
	return nil
}

func putUint(b []byte, v uint64, order binary.ByteOrder) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		order.PutUint16(b, uint16(v))
	case 4:
		order.PutUint32(b, uint32(v))
	}
}

func (p *keyParser) ethType(s *keySpec, f *Field) error {
	value := make([]byte, s.size)
	err := p.uint(s.name, value, f.Mask, binary.BigEndian)
	if f.Value != nil {
		f.Value = value
	}
	return err
}

func (p *keyParser) inPort(s *keySpec, f Field) error {
	at := p.pos
	word, port, ok := p.device(p.ports)
	if ok {
		binary.NativeEndian.PutUint32(f.Value, port)
		copy(f.Mask, ones[:])
		return nil
	}
	p.pos = at
	if word != "" && (word[0] < '0' || word[0] > '9') {
		return p.errName(at, word, "in_port: no port %q in the datapath", word)
	}
	return p.uint(s.name, f.Value, f.Mask, binary.NativeEndian)
}

var ones = [16]byte{
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
}

func (p *keyParser) part(where string, k kind, value, mask []byte) error {
	switch k {
	case kindMAC:
		return p.mac(where, value, mask)
	case kindIPv4, kindIPv6:
		return p.address(where, value, mask)
	case kindFlowLbl:
		at := p.pos
		v, m, err := p.masked(where, 32, flowLabelMask)
		if err == nil && v > flowLabelMask {
			err = p.errf(at, "%s: 0x%x does not fit 20 bits", where, v)
		}
		putUint(value, v, binary.BigEndian)
		putUint(mask, m, binary.BigEndian)
		return err
	case kindFrag:
		for v, name := range fragNames {
			if p.acceptString(name) {
				value[0], mask[0] = byte(v), 0xff
				return nil
			}
		}
		if c := p.peek(); c < '0' || c > '9' {
			return p.errf(p.pos, "%s: want no, first or later", where)
		}
		fallthrough
	default:
		return p.uint(where, value, mask, binary.BigEndian)
	}
}

// flowLabelMask is the width of an IPv6 flow label.
const flowLabelMask = 0xfffff

// fragNames are the names of enum ovs_frag_type.
var fragNames = [...]string{
	uapi.OVS_FRAG_TYPE_NONE:  "no",
	uapi.OVS_FRAG_TYPE_FIRST: "first",
	uapi.OVS_FRAG_TYPE_LATER: "later",
}

func (p *keyParser) mac(where string, value, mask []byte) error {
	if err := p.oneMAC(where, value); err != nil {
		return err
	}
	copy(mask, ones[:])
	if p.accept('/') {
		return p.oneMAC(where+" mask", mask)
	}
	return nil
}

func (p *keyParser) oneMAC(where string, b []byte) error {
	at := p.pos
	for i := range b {
		if i > 0 && !p.accept(':') {
			return p.errf(at, "%s: want a MAC address such as 02:00:00:00:00:01", where)
		}
		digits := p.span(isHex)
		if len(digits) == 0 || len(digits) > 2 {
			return p.errf(at, "%s: want a MAC address such as 02:00:00:00:00:01", where)
		}
		b[i] = hexValue(digits)
	}
	return nil
}

func hexValue(digits string) byte {
	var v byte
	for i := range len(digits) {
		c := digits[i] | 0x20 // letters to lower case, digits stay
		if c >= 'a' {
			c -= 'a' - 10
		} else {
			c -= '0'
		}
		v = v<<4 | c
	}
	return v
}

func (p *keyParser) address(where string, value, mask []byte) error {
	if err := p.oneAddress(where, value); err != nil {
		return err
	}
	copy(mask, ones[:])
	if !p.accept('/') {
		return nil
	}
	at := p.pos
	if digits := p.span(isWord); isDigits(digits) && digits != "" && p.peek() != '.' && p.peek() != ':' {
		p.pos = at
		n, err := p.number(where+" prefix length", 8)
		if err != nil {
			return err
		}
		if n > uint64(8*len(mask)) {
			return p.errf(at, "%s: prefix length %d is more than %d", where, n, 8*len(mask))
		}
		clear(mask)
		for i := range n {
			mask[i/8] |= 0x80 >> (i % 8)
		}
		return nil
	}
	p.pos = at
	return p.oneAddress(where+" mask", mask)
}

func (p *keyParser) oneAddress(where string, b []byte) error {
	at := p.pos
	word := p.span(func(c byte) bool { return isHex(c) || c == '.' || c == ':' })
	a, err := netip.ParseAddr(word)
	if err != nil || a.BitLen() != 8*len(b) {
		want := "an IPv4 address"
		if len(b) == 16 {
			want = "an IPv6 address"
		}
		return p.errf(at, "%s: want %s, found %q", where, want, word)
	}
	copy(b, a.AsSlice())
	return nil
}

func (p *keyParser) vlan(f Field) error {
	// As in ovs-dpctl a VLAN match asks for a tag to be there.
	tci, mask := uint16(vlanCFI), uint16(vlanCFI)
	whole, some := false, false
	err := p.fields("vlan", func(name string, at int) error {
		var bits, shift int
		switch name {
		case "vid":
			bits = 12
		case "pcp":
			bits, shift = 3, vlanPCPShift
		case "cfi":
			bits, shift = 1, 12
		case "tci":
			if some {
				return p.errf(at, "vlan: tci stands alone")
			}
			bits, whole, tci, mask = 16, true, 0, 0
		default:
			return p.errf(at, "vlan: no field %q", name)
		}
		if whole && name != "tci" {
			return p.errf(at, "vlan: tci stands alone")
		}
		some = true
		all := uint64(1)<<bits - 1
		v, m, err := p.masked("vlan: "+name, bits, all)
		tci = tci&^uint16(all<<shift) | uint16(v<<shift)
		mask = mask&^uint16(all<<shift) | uint16(m<<shift)
		return err
	})
	binary.BigEndian.PutUint16(f.Value, tci)
	binary.BigEndian.PutUint16(f.Mask, mask)
	return err
}

// flags reads n, n/m, +a-b, or a|b; exact is the mask of the forms without one.
func (p *keyParser) flags(where string, names []string, bits int, exact uint64) (v, m uint64, err error) {
	if c := p.peek(); c == '+' || c == '-' {
		for c == '+' || c == '-' {
			p.pos++
			bit, err := p.flag(where, names)
			if err != nil {
				return 0, 0, err
			}
			if m&bit != 0 {
				return 0, 0, p.errf(p.pos, "%s: a flag appears twice", where)
			}
			m |= bit
			if c == '+' {
				v |= bit
			}
			c = p.peek()
		}
		return v, m, nil
	}
	for first := true; ; first = false {
		if c := p.peek(); c >= '0' && c <= '9' {
			at := p.pos
			n, err := p.number(where, bits)
			if err != nil {
				return 0, 0, err
			}
			if p.peek() == '/' && first {
				p.pos = at
				return p.masked(where, bits, exact)
			}
			v |= n
		} else {
			bit, err := p.flag(where, names)
			if err != nil {
				return 0, 0, err
			}
			v |= bit
		}
		if !p.accept('|') {
			break
		}
	}
	if v&^exact != 0 {
		exact = 1<<bits - 1
	}
	return v, exact, nil
}

func (p *keyParser) flag(where string, names []string) (uint64, error) {
	at := p.pos
	word := p.span(func(c byte) bool { return isWord(c) || c == '[' || c == ']' })
	for i, name := range names {
		if name == word && word != "" {
			return 1 << i, nil
		}
	}
	if word == "" {
		return 0, p.errf(at, "%s: a flag is missing", where)
	}
	return 0, p.errf(at, "%s: no flag %q", where, word)
}

// tcpFlagNames are the flags of a TCP header from bit 0 on, in ovs-dpctl's words.
var tcpFlagNames = []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}

// ctStateNames are OVS_CS_F_* from bit 0 on, in ovs-dpctl's words.
var ctStateNames = []string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}

// ctStateExact is the mask of an exact ct_state: the kernel refuses a mask with
// bits it has no flag for.
const ctStateExact = uapi.OVS_CS_F_NEW | uapi.OVS_CS_F_ESTABLISHED | uapi.OVS_CS_F_RELATED | uapi.OVS_CS_F_REPLY_DIR |
	uapi.OVS_CS_F_INVALID | uapi.OVS_CS_F_TRACKED | uapi.OVS_CS_F_SRC_NAT | uapi.OVS_CS_F_DST_NAT

func (p *keyParser) labels(where string, f Field) error {
	if err := p.oneLabel(where, f.Value); err != nil {
		return err
	}
	copy(f.Mask, ones[:])
	if p.accept('/') {
		clear(f.Mask)
		return p.oneLabel(where+" mask", f.Mask)
	}
	return nil
}

// oneLabel reads a 128-bit number, in hex or (below 2^64) decimal.
func (p *keyParser) oneLabel(where string, b []byte) error {
	at := p.pos
	word := p.span(isWord)
	digits, ok := cutHexPrefix(word)
	if !ok {
		p.pos = at
		v, err := p.number(where, 64)
		binary.LittleEndian.PutUint64(b, v)
		return err
	}
	if len(digits) == 0 || len(digits) > 32 || !isNumber(digits, 16) {
		return p.errf(at, "%s: want a hex number of at most 128 bits", where)
	}
	for i := range b {
		end := len(digits) - 2*i
		if end <= 0 {
			break
		}
		b[i] = hexValue(digits[max(end-2, 0):end])
	}
	return nil
}
