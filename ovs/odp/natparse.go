// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"net/netip"
)

// nat reads what stands behind the word.
func (p *actionParser) nat() (*NAT, error) {
	n := &NAT{}
	if !p.accept('(') {
		return n, nil
	}
	start := p.pos
	err := p.fields("nat", func(name string, at int) error {
		w := where{key: "nat", field: name}
		switch name {
		case "src", "dst":
			if n.Src || n.Dst {
				return p.errf(at, "nat: src or dst, not both")
			}
			n.Src, n.Dst = name == "src", name == "dst"
			if p.accept('=') {
				return p.natRange(n, w)
			}
		case "persistent":
			n.Persistent = true
		case "hash":
			n.ProtoHash = true
		case "random":
			n.ProtoRandom = true
		case "ip_min", "ip_max":
			to := &n.IPMin
			if name == "ip_max" {
				to = &n.IPMax
			}
			if err := p.expect('=', "nat", name); err != nil {
				return err
			}
			return p.natAddress(w, to)
		case "proto_min", "proto_max":
			v, err := p.assigned("nat", name, 16)
			if name == "proto_min" {
				n.ProtoMin = new(uint16(v))
			} else {
				n.ProtoMax = new(uint16(v))
			}
			return err
		case "unknown":
			return n.parse(&p.scanner, "nat")
		default:
			return p.noField("nat", name, at)
		}
		return nil
	})
	if err == nil && p.Dialect == OVS && n.ProtoHash && n.ProtoRandom {
		err = p.errf(start, "nat: hash or random, not both")
	}
	if err != nil {
		return nil, err
	}
	return n, p.expect(')', "nat", "")
}

// natRange reads MIN[-MAX][:PORT[-PORT]].
func (p *actionParser) natRange(n *NAT, w where) error {
	at := p.pos
	if err := p.natAddress(w, &n.IPMin); err != nil {
		return err
	}
	if p.accept('-') {
		from := p.pos
		if err := p.natAddress(w, &n.IPMax); err != nil {
			return err
		}
		switch c := n.IPMax.Compare(n.IPMin); {
		case n.IPMax.BitLen() != n.IPMin.BitLen():
			return p.errf(from, "%s: addresses of two kinds", w)
		case c < 0 && !n.IPMax.IsUnspecified():
			return p.errf(at, "%s: the range ends before it begins", w)
		case c <= 0:
			n.IPMax = netip.Addr{} // as ovs-dpctl has it
		}
	}
	if !p.accept(':') {
		return nil
	}
	at = p.pos
	v, err := p.number(w, 16)
	if err != nil {
		return err
	}
	if v != 0 {
		n.ProtoMin = new(uint16(v))
	}
	if !p.accept('-') {
		return nil
	}
	hi, err := p.number(w, 16)
	switch {
	case err != nil:
		return err
	case hi != 0 && hi < v:
		return p.errf(at, "%s: the ports end before they begin", w)
	case hi > v && v != 0:
		n.ProtoMax = new(uint16(hi))
	}
	return nil
}

// natAddress reads an address, in brackets or not. Without them a colon is part
// of an IPv6 address and ends an IPv4 one.
func (p *actionParser) natAddress(w where, to *netip.Addr) error {
	at := p.pos
	bracket := p.accept('[')
	word := p.span(isAddress)
	if !bracket {
		if end := p4Colon(word); end >= 0 {
			p.pos -= len(word) - end
			word = word[:end]
		}
	}
	a, err := netip.ParseAddr(word)
	if err != nil {
		return p.errf(at, "%s: want an address, found %q", w, word)
	}
	*to = a
	if bracket {
		return p.expect(']', w.key, w.field)
	}
	return nil
}

// p4Colon is where the colon behind an IPv4 address is, -1 if there is none.
func p4Colon(word string) int {
	dots := 0
	for i := range len(word) {
		switch word[i] {
		case '.':
			dots++
		case ':':
			if dots == 3 {
				return i
			}
			return -1
		}
	}
	return -1
}
