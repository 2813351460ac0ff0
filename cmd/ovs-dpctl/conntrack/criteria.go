// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// Criteria pick connections. The zero value takes all.
type Criteria struct {
	Zone        *uint16
	Mark        *Masked32
	Labels      *Masked128
	Orig, Reply TupleCriteria
	tuples      int
}

// Masked32 is a number and which of its bits count.
type Masked32 struct{ Value, Mask uint32 }

// Masked128 is the same with 16 bytes, most significant first.
type Masked128 struct{ Value, Mask [labelsLen]byte }

// TupleCriteria pick a direction of a connection; what is nil or invalid takes
// all.
type TupleCriteria struct {
	Src, Dst           netip.Addr
	Protocol           *uint8
	SrcPort, DstPort   *uint16
	ICMPType, ICMPCode *uint8
	ICMPID             *uint16
}

// All tells whether every connection is picked.
func (c Criteria) All() bool { return c == Criteria{} }

// Parse adds one word: zone=N, mark=N[/MASK], labels=N[/MASK], or the fields of
// a tuple, the first of which is the original direction and the second the
// reply.
func (c *Criteria) Parse(word string) error {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "zone":
		n, err := number(word, value, 16)
		c.Zone = new(uint16(n))
		return err
	case "mark":
		v, m, hasMask := strings.Cut(value, "/")
		n, err := number(word, v, 32)
		c.Mark = &Masked32{uint32(n), 1<<32 - 1}
		if err == nil && hasMask {
			n, err = number(word, m, 32)
			c.Mark.Mask = uint32(n)
		}
		return err
	case "labels":
		v, m, hasMask := strings.Cut(value, "/")
		l := &Masked128{}
		for i := range l.Mask {
			l.Mask[i] = 0xff
		}
		c.Labels = l
		err := wide(word, v, &l.Value)
		if err == nil && hasMask {
			err = wide(word, m, &l.Mask)
		}
		return err
	}
	c.tuples++
	switch c.tuples {
	case 1:
		return c.Orig.parse(word)
	case 2:
		return c.Reply.parse(word)
	}
	return fmt.Errorf("%q: there are two tuples already", word)
}

func number(word, text string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(text, 0, bits)
	if err != nil {
		return 0, fmt.Errorf("%q: want a number of %d bits", word, bits)
	}
	return n, nil
}

func wide(word, text string, dst *[labelsLen]byte) error {
	n, ok := new(big.Int).SetString(text, 0)
	if !ok || len(text) > 64 || n.Sign() < 0 || n.BitLen() > 8*labelsLen {
		return fmt.Errorf("%q: want a number of %d bits", word, 8*labelsLen)
	}
	n.FillBytes(dst[:])
	return nil
}

func (t *TupleCriteria) parse(word string) error {
	for field := range strings.SplitSeq(word, ",") {
		key, value, _ := strings.Cut(field, "=")
		var (
			n   uint64
			err error
		)
		switch key {
		case "ct_nw_src", "ct_ipv6_src":
			t.Src, err = address(field, value, key == "ct_nw_src")
		case "ct_nw_dst", "ct_ipv6_dst":
			t.Dst, err = address(field, value, key == "ct_nw_dst")
		case "ct_nw_proto":
			n, err = number(field, value, 8)
			t.Protocol = new(uint8(n))
		case "ct_tp_src":
			n, err = number(field, value, 16)
			t.SrcPort = new(uint16(n))
		case "ct_tp_dst":
			n, err = number(field, value, 16)
			t.DstPort = new(uint16(n))
		case "icmp_type":
			n, err = number(field, value, 8)
			t.ICMPType = new(uint8(n))
		case "icmp_code":
			n, err = number(field, value, 8)
			t.ICMPCode = new(uint8(n))
		case "icmp_id":
			n, err = number(field, value, 16)
			t.ICMPID = new(uint16(n))
		default:
			return fmt.Errorf("%q: want zone=, mark=, labels=, ct_nw_src=, ct_nw_dst=, ct_ipv6_src=, ct_ipv6_dst=, ct_nw_proto=, ct_tp_src=, ct_tp_dst=, icmp_type=, icmp_code= or icmp_id=", field)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func address(field, text string, v4 bool) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Is4() != v4 || a.Zone() != "" {
		return a, fmt.Errorf("%q: no such address", field)
	}
	return a, nil
}

// Match tells whether a connection is picked.
func (c Criteria) Match(e Entry) bool {
	switch {
	case c.Zone != nil && *c.Zone != e.Zone,
		c.Mark != nil && (c.Mark.Value^e.Mark)&c.Mark.Mask != 0,
		!c.Orig.match(e.Protocol, e.Orig), !c.Reply.match(e.Protocol, e.Reply):
		return false
	}
	if c.Labels != nil {
		for i, m := range c.Labels.Mask {
			if i < len(e.Labels) && (c.Labels.Value[i]^e.Labels[i])&m != 0 {
				return false
			}
		}
	}
	return true
}

func (t TupleCriteria) match(protocol uint8, is Tuple) bool {
	if t.Src.IsValid() && t.Src != is.Src || t.Dst.IsValid() && t.Dst != is.Dst || t.Protocol != nil && *t.Protocol != protocol {
		return false
	}
	if !same(t.SrcPort, is.SrcPort) || !same(t.DstPort, is.DstPort) {
		return false
	}
	if is.ICMP == nil {
		return t.ICMPType == nil && t.ICMPCode == nil && t.ICMPID == nil
	}
	return same(t.ICMPType, &is.ICMP.Type) && same(t.ICMPCode, &is.ICMP.Code) && same(t.ICMPID, &is.ICMP.ID)
}

// same tells whether a value is as wanted; one that is not there never is.
func same[T comparable](want, is *T) bool { return want == nil || is != nil && *want == *is }
