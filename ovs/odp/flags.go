// SPDX-License-Identifier: Apache-2.0

package odp

import "github.com/dpscope/dpscope/nl/uapi"

// flagSet is a set of flags by the name of each bit, from bit 0 on.
type flagSet []string

// In ovs-dpctl's words: the flags of a TCP header, OVS_CS_F_*, the flags of a
// tunnel, and why a packet takes the slow path (ovs-vswitchd's enum
// slow_path_reason).
var (
	tcpFlags    = flagSet{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}
	ctStates    = flagSet{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}
	tunnelFlags = flagSet{"oam", "df", "csum", "key"}
	slowPath    = flagSet{"cfm", "bfd", "lacp", "stp", "lldp", "action", "match"}
)

const (
	// tcpFlagBits are the flags a TCP header has.
	tcpFlagBits = 0x0fff

	// ctStateExact is the mask of an exact ct_state: the kernel refuses a mask
	// with bits it has no flag for.
	ctStateExact = uapi.OVS_CS_F_NEW | uapi.OVS_CS_F_ESTABLISHED | uapi.OVS_CS_F_RELATED | uapi.OVS_CS_F_REPLY_DIR |
		uapi.OVS_CS_F_INVALID | uapi.OVS_CS_F_TRACKED | uapi.OVS_CS_F_SRC_NAT | uapi.OVS_CS_F_DST_NAT

	tunnelOAM       = 1 << 0
	tunnelDF        = 1 << 1
	tunnelCSUM      = 1 << 2
	tunnelKey       = 1 << 3
	tunnelFlagsMask = 1<<4 - 1
)

// known is all bits that have a name.
func (s flagSet) known() uint64 { return 1<<len(s) - 1 }

// append writes a|b, with bits that have no name as one number at the end.
func (s flagSet) append(b []byte, v uint64, separator byte) []byte {
	if v == 0 {
		return append(b, '0')
	}
	start := len(b)
	for i, name := range s {
		if v&(1<<i) != 0 {
			b = append(separated(b, start, separator), name...)
		}
	}
	if rest := v &^ s.known(); rest != 0 {
		b = appendAltHex(separated(b, start, separator), rest)
	}
	return b
}

// appendSigned writes +set-clear for every bit of the mask.
func (s flagSet) appendSigned(b []byte, v, m uint64) []byte {
	for i, name := range s {
		switch {
		case m&(1<<i) == 0:
			continue
		case v&(1<<i) != 0:
			b = append(b, '+')
		default:
			b = append(b, '-')
		}
		b = append(b, name...)
	}
	return b
}

// expressible tells whether +a-b says all there is to say.
func (s flagSet) expressible(v, m uint64) bool { return m != 0 && m&^s.known() == 0 && v&^m == 0 }

// flags reads n, n/m, +a-b, or a|b; exact is the mask of the forms without one.
func (p *scanner) flags(w where, s flagSet, bits int, exact uint64) (v, m uint64, err error) {
	if c := p.peek(); c == '+' || c == '-' {
		return p.signedFlags(w, s)
	}
	for first := true; ; first = false {
		if c := p.peek(); c >= '0' && c <= '9' {
			at := p.pos
			n, err := p.number(w, bits)
			if err != nil {
				return 0, 0, err
			}
			if p.peek() == '/' && first {
				p.pos = at
				return p.masked(w, bits, exact)
			}
			v |= n
		} else {
			bit, err := p.flag(w, s)
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

func (p *scanner) signedFlags(w where, s flagSet) (v, m uint64, err error) {
	for c := p.peek(); c == '+' || c == '-'; c = p.peek() {
		p.pos++
		bit, err := p.flag(w, s)
		if err != nil {
			return 0, 0, err
		}
		if m&bit != 0 {
			return 0, 0, p.errf(p.pos, "%s: a flag appears twice", w)
		}
		m |= bit
		if c == '+' {
			v |= bit
		}
	}
	return v, m, nil
}

func (p *scanner) flag(w where, s flagSet) (uint64, error) {
	at := p.pos
	word := p.span(func(c byte) bool { return isWord(c) || c == '[' || c == ']' })
	for i, name := range s {
		if name == word && word != "" {
			return 1 << i, nil
		}
	}
	if word == "" {
		return 0, p.errf(at, "%s: a flag is missing", w)
	}
	return 0, p.errf(at, "%s: no flag %q", w, word)
}
