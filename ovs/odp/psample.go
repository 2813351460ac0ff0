// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/hex"
	"encoding/json"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

const maxPsampleCookie = uapi.OVS_PSAMPLE_COOKIE_MAX_SIZE

// Psample hands a copy of the packet to the psample module
// (OVS_ACTION_ATTR_PSAMPLE, Linux 6.11).
type Psample struct {
	Group  uint32
	Cookie []byte // at most 16 bytes for the kernel; nil: attribute absent
	// Order is [2 1] where the cookie came first, see Extra.
	Order []uint16
}

func (Psample) attrType() uint16 { return uapi.OVS_ACTION_ATTR_PSAMPLE }

var psampleOrder = []uint16{uapi.OVS_PSAMPLE_ATTR_GROUP, uapi.OVS_PSAMPLE_ATTR_COOKIE}

// decodePsample leaves what the text parser refuses to Raw, so that every
// Psample that came out of a kernel can be written and read as text.
func decodePsample(at nl.Attr, _ int) (Action, bool) {
	var (
		p     Psample
		e     Extra
		group bool
	)
	ok := e.decode(at.Data, psampleOrder, func(at nl.Attr) (ok bool) {
		if at.Nested {
			return false
		}
		switch at.Type {
		case uapi.OVS_PSAMPLE_ATTR_GROUP:
			p.Group, ok = at.Uint32()
			group = ok
		case uapi.OVS_PSAMPLE_ATTR_COOKIE:
			p.Cookie = at.Data
			ok = len(at.Data) > 0 && len(at.Data) <= maxPsampleCookie
		}
		return ok
	})
	p.Order = e.Order
	return p, ok && group && e.Unknown == nil
}

func (a Psample) appendAttr(b []byte) ([]byte, error) {
	e := Extra{Order: a.Order}
	return e.append(b, a.attrType(), psampleOrder, func(b []byte, typ uint16) ([]byte, error) {
		switch {
		case typ == uapi.OVS_PSAMPLE_ATTR_GROUP:
			return nl.AppendUint32(b, typ, a.Group), nil
		case typ == uapi.OVS_PSAMPLE_ATTR_COOKIE && a.Cookie != nil:
			return appendBytes(b, typ, a.Cookie)
		}
		return b, nil
	})
}

func (a Psample) wordless() bool { return a.Order != nil }

func (a Psample) appendText(b []byte, o *TextOptions) []byte {
	if o.Dialect == OVS && a.Cookie != nil && (len(a.Cookie) == 0 || len(a.Cookie) > maxPsampleCookie) {
		return appendRawAction(b, a, o) // the named form would not be read back
	}
	b = appendArg(append(b, "psample("...), len(b)+len("psample("), "group", uint64(a.Group))
	switch {
	case a.Cookie == nil:
	case o.Dialect == Kselftest:
		b = append(hex.AppendEncode(append(b, ",cookie("...), a.Cookie), ')')
	case o.Lossless:
		b = appendAllHex(append(b, ",cookie="...), a.Cookie)
	default:
		b = appendHexBytes(append(b, ",cookie="...), a.Cookie)
	}
	return append(b, ')')
}

func (p *actionParser) psample(at, _ int) (Action, error) {
	var (
		ps    Psample
		group bool
	)
	err := p.fields("psample", func(name string, at int) (err error) {
		switch name {
		case "group":
			group = true
			var v uint64
			v, err = p.assigned("psample", name, 32)
			ps.Group = uint32(v)
		case "cookie":
			ps.Cookie, err = p.cookie()
		default:
			err = p.noField("psample", name, at)
		}
		return err
	})
	if err != nil || group {
		return ps, err
	}
	if p.Dialect == Kselftest {
		// For the kernel to refuse.
		return p.incomplete(ps, func(typ uint16) bool { return typ != uapi.OVS_PSAMPLE_ATTR_GROUP })
	}
	return nil, p.errf(at, "psample: group=N is missing")
}

// cookie reads =0xHEX, =HEX or (HEX). ovs-dpctl prints a cookie as a number,
// which may have any number of digits.
func (p *actionParser) cookie() ([]byte, error) {
	w := where{key: "psample", field: "cookie"}
	paren := p.accept('(')
	if !paren {
		if err := p.expect('=', "psample", "cookie"); err != nil {
			return nil, err
		}
	}
	limit, read := maxPsampleCookie, p.hexBytes
	switch {
	case p.acceptString("0x"), p.acceptString("0X"), p.peek() == '0' && !paren && p.Dialect == OVS:
		read = p.hexNumber
	}
	if p.Dialect == Kselftest {
		limit = -1
	}
	from := p.pos
	b, err := read(w, limit)
	switch {
	case err != nil:
		return nil, err
	case len(b) == 0 && p.Dialect != Kselftest:
		return nil, p.errf(from, "psample: cookie is empty")
	case paren:
		err = p.expect(')', "psample", "cookie")
	}
	return b, err
}

type psampleJSON struct {
	Group  uint32       `json:"group"`
	Cookie hexstr.Bytes `json:"cookie,omitzero"`
	Order  []uint16     `json:"order,omitempty"`
}

func (a Psample) jsonValue() any { return psampleJSON{a.Group, a.Cookie, a.Order} }

func psampleFromJSON(raw json.RawMessage, _ int) (Action, error) {
	var j psampleJSON
	err := strictUnmarshal("members", raw, &j)
	return Psample{j.Group, j.Cookie, j.Order}, err
}
