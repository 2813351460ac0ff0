// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"errors"
	"math"
	"strconv"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Actions that hold lists of actions.
type (
	// Sample executes actions for a share of the packets
	// (OVS_ACTION_ATTR_SAMPLE).
	Sample struct {
		Probability uint32 // scaled: 1<<32 - 1 samples every packet
		Actions     Actions
		Extra
	}

	// Clone executes actions on a copy (OVS_ACTION_ATTR_CLONE).
	Clone struct {
		Actions Actions
	}

	// CheckPktLen executes one list of actions or another, by the length of
	// the packet (OVS_ACTION_ATTR_CHECK_PKT_LEN).
	CheckPktLen struct {
		PktLen    uint16
		Greater   Actions // for longer packets
		LessEqual Actions
		Extra
	}

	// DecTTL counts the time to live down (OVS_ACTION_ATTR_DEC_TTL).
	DecTTL struct {
		Exceeded Actions // where it is 0 or 1, instead of what follows
		Extra
	}
)

func (Sample) attrType() uint16      { return uapi.OVS_ACTION_ATTR_SAMPLE }
func (Clone) attrType() uint16       { return uapi.OVS_ACTION_ATTR_CLONE }
func (CheckPktLen) attrType() uint16 { return uapi.OVS_ACTION_ATTR_CHECK_PKT_LEN }
func (DecTTL) attrType() uint16      { return uapi.OVS_ACTION_ATTR_DEC_TTL }

// The order in which the kernel writes the attributes.
var (
	sampleOrder      = []uint16{uapi.OVS_SAMPLE_ATTR_PROBABILITY, uapi.OVS_SAMPLE_ATTR_ACTIONS}
	checkPktLenOrder = []uint16{
		uapi.OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
		uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER,
	}
	decTTLOrder = []uint16{uapi.OVS_DEC_TTL_ATTR_ACTION}
)

// ProbabilityOf scales a share of packets, in percent from 0 to 100, to
// Sample's unit, rounding to nearest as ovs-dpctl does.
func ProbabilityOf(percent float64) uint32 {
	p := math.Floor(math.MaxUint32*(percent/100) + .5)
	return uint32(min(max(p, 0), math.MaxUint32))
}

func (a Sample) appendAttr(b []byte) ([]byte, error) {
	return a.append(b, a.attrType(), sampleOrder, func(b []byte, typ uint16) ([]byte, error) {
		switch typ {
		case uapi.OVS_SAMPLE_ATTR_PROBABILITY:
			return nl.AppendUint32(b, typ, a.Probability), nil
		case uapi.OVS_SAMPLE_ATTR_ACTIONS:
			return nl.AppendNested(b, typ, a.Actions.AppendNetlink)
		}
		return b, nil
	})
}

func (a Clone) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendNested(b, a.attrType(), a.Actions.AppendNetlink)
}

func (a CheckPktLen) appendAttr(b []byte) ([]byte, error) {
	return a.append(b, a.attrType(), checkPktLenOrder, func(b []byte, typ uint16) ([]byte, error) {
		switch typ {
		case uapi.OVS_CHECK_PKT_LEN_ATTR_PKT_LEN:
			return nl.AppendUint16(b, typ, a.PktLen), nil
		case uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER:
			return nl.AppendNested(b, typ, a.Greater.AppendNetlink)
		case uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL:
			return nl.AppendNested(b, typ, a.LessEqual.AppendNetlink)
		}
		return b, nil
	})
}

func (a DecTTL) appendAttr(b []byte) ([]byte, error) {
	return a.append(b, a.attrType(), decTTLOrder, func(b []byte, typ uint16) ([]byte, error) {
		if typ != uapi.OVS_DEC_TTL_ATTR_ACTION {
			return b, nil
		}
		return nl.AppendNested(b, typ, a.Exceeded.AppendNetlink)
	})
}

// into decodes a list of actions inside an action.
func into(as *Actions, at nl.Attr, depth int) bool {
	list, err := decodeActions(at.Data, depth+1)
	*as = list
	return err == nil
}

func decodeSample(at nl.Attr, depth int) (Action, bool) {
	var (
		s              Sample
		share, actions bool
	)
	ok := s.decode(at.Data, sampleOrder, func(at nl.Attr) (ok bool) {
		switch at.Type {
		case uapi.OVS_SAMPLE_ATTR_PROBABILITY:
			s.Probability, ok = at.Uint32()
			ok = ok && !at.Nested
			share = share || ok
		case uapi.OVS_SAMPLE_ATTR_ACTIONS:
			ok = into(&s.Actions, at, depth)
			actions = actions || ok
		}
		return ok
	})
	return s, ok && share && actions
}

func decodeClone(at nl.Attr, depth int) (Action, bool) {
	var c Clone
	ok := into(&c.Actions, at, depth)
	return c, ok
}

func decodeCheckPktLen(at nl.Attr, depth int) (Action, bool) {
	var (
		c    CheckPktLen
		seen int
	)
	ok := c.decode(at.Data, checkPktLenOrder, func(at nl.Attr) (ok bool) {
		switch at.Type {
		case uapi.OVS_CHECK_PKT_LEN_ATTR_PKT_LEN:
			c.PktLen, ok = at.Uint16()
			ok = ok && !at.Nested
		case uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER:
			ok = into(&c.Greater, at, depth)
		case uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL:
			ok = into(&c.LessEqual, at, depth)
		}
		if ok {
			seen++
		}
		return ok
	})
	return c, ok && seen == len(checkPktLenOrder)
}

func decodeDecTTL(at nl.Attr, depth int) (Action, bool) {
	var (
		d    DecTTL
		seen bool
	)
	ok := d.decode(at.Data, decTTLOrder, func(at nl.Attr) bool {
		ok := at.Type == uapi.OVS_DEC_TTL_ATTR_ACTION && into(&d.Exceeded, at, depth)
		seen = seen || ok
		return ok
	})
	return d, ok && seen
}

func (a Sample) appendText(b []byte, o *TextOptions) []byte {
	b = append(b, "sample("...)
	start := len(b)
	b = append(appendPercent(append(b, "sample="...), a.Probability, o), "%,actions("...)
	b = append(a.Actions.appendText(b, o), ')')
	return append(a.Extra.appendText(b, start, o), ')')
}

// appendPercent writes a share with the decimals its tool writes; losslessly
// with as many more as it takes to read the same value back.
func appendPercent(b []byte, p uint32, o *TextOptions) []byte {
	percent := 100 * float64(p) / math.MaxUint32
	decimals := 1
	if o.Dialect == Kselftest {
		decimals = 2
	}
	at := len(b)
	for ; ; decimals++ {
		b = strconv.AppendFloat(b[:at], percent, 'f', decimals, 64)
		if !o.Lossless || decimals >= 17 {
			return b
		}
		if v, err := strconv.ParseFloat(string(b[at:]), 64); err == nil && v <= 100 && ProbabilityOf(v) == p {
			return b
		}
	}
}

func (a Clone) appendText(b []byte, o *TextOptions) []byte {
	return append(a.Actions.appendText(append(b, "clone("...), o), ')')
}

func (a CheckPktLen) appendText(b []byte, o *TextOptions) []byte {
	b = append(b, "check_pkt_len("...)
	start := len(b)
	b = append(appendArg(b, start, "size", uint64(a.PktLen)), ",gt("...)
	b = append(a.Greater.appendText(b, o), "),le("...)
	b = append(a.LessEqual.appendText(b, o), ')')
	return append(a.Extra.appendText(b, start, o), ')')
}

func (a DecTTL) appendText(b []byte, o *TextOptions) []byte {
	b = append(b, "dec_ttl("...)
	start := len(b)
	b = append(b, "le_1("...)
	if len(a.Exceeded) > 0 || o.Dialect == OVS {
		b = a.Exceeded.appendText(b, o)
	}
	return append(a.Extra.appendText(append(b, ')'), start, o), ')')
}

// inner reads (ACTIONS) behind a name.
func (p *actionParser) inner(as *Actions, key, field string, depth int) error {
	if err := p.expect('(', key, field); err != nil {
		return err
	}
	list, err := p.list(depth + 1)
	if err != nil {
		return err
	}
	*as = list
	return p.expect(')', key, field)
}

func (p *actionParser) sample(_, depth int) (Action, error) {
	var (
		s              Sample
		share, actions bool
	)
	start := p.pos
	err := p.fields("sample", func(name string, at int) error {
		switch name {
		case "sample":
			share = true
			return p.share(&s.Probability)
		case "actions":
			actions = true
			return p.inner(&s.Actions, "sample", name, depth)
		case "unknown":
			return s.parse(&p.scanner, "sample")
		}
		return p.noField("sample", name, at)
	})
	if err == nil && p.Dialect == Kselftest && (!share || !actions) {
		return p.incomplete(s, func(typ uint16) bool {
			return typ == uapi.OVS_SAMPLE_ATTR_PROBABILITY && share || typ == uapi.OVS_SAMPLE_ATTR_ACTIONS && actions
		})
	}
	switch {
	case err != nil:
	case !share:
		err = p.errf(start, "sample: sample=P%% is missing")
	case !actions:
		err = p.errf(start, "sample: actions(...) is missing")
	}
	return s, err
}

// share reads =P%.
func (p *actionParser) share(v *uint32) error {
	if err := p.expect('=', "sample", "sample"); err != nil {
		return err
	}
	at := p.pos
	digits := p.span(func(c byte) bool { return c >= '0' && c <= '9' || c == '.' })
	percent, err := strconv.ParseFloat(digits, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || digits == "" {
		return p.errf(at, "sample: the share is a percentage such as 50%%")
	}
	if percent > 100 {
		return p.errf(at, "sample: share %s%% is more than 100%%", digits)
	}
	p.accept('%')
	*v = ProbabilityOf(percent)
	return nil
}

func (p *actionParser) clone(_, depth int) (Action, error) {
	as, err := p.list(depth + 1)
	return Clone{Actions: as}, err
}

func (p *actionParser) checkPktLen(at, depth int) (Action, error) {
	var (
		c    CheckPktLen
		seen int
	)
	err := p.fields("check_pkt_len", func(name string, at int) error {
		switch name {
		case "size":
			seen++
			v, err := p.assigned("check_pkt_len", name, 16)
			c.PktLen = uint16(v)
			return err
		case "gt":
			seen++
			return p.inner(&c.Greater, "check_pkt_len", name, depth)
		case "le":
			seen++
			return p.inner(&c.LessEqual, "check_pkt_len", name, depth)
		case "unknown":
			return c.parse(&p.scanner, "check_pkt_len")
		}
		return p.noField("check_pkt_len", name, at)
	})
	if err == nil && seen != 3 {
		err = p.errf(at, "check_pkt_len: size=N, gt(...) and le(...) must be given")
	}
	return c, err
}

func (p *actionParser) decTTL(at, depth int) (Action, error) {
	var (
		d    DecTTL
		seen bool
	)
	err := p.fields("dec_ttl", func(name string, at int) error {
		switch name {
		case "le_1":
			seen = true
			return p.inner(&d.Exceeded, "dec_ttl", name, depth)
		case "unknown":
			return d.parse(&p.scanner, "dec_ttl")
		}
		return p.noField("dec_ttl", name, at)
	})
	if err == nil && !seen {
		err = p.errf(at, "dec_ttl: le_1(...) is missing")
	}
	return d, err
}
