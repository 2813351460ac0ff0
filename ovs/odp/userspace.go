// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Userspace sends the packet to a netlink socket (OVS_ACTION_ATTR_USERSPACE).
type Userspace struct {
	PID uint32 // netlink port id of the receiver
	// Userdata is handed on with the packet; nil: attribute absent. Cookie
	// tells what ovs-vswitchd means by it.
	Userdata []byte
	// EgressTunPort asks for the tunnel key of output on this port.
	EgressTunPort *uint32
	Actions       bool // have the flow's actions sent along
	Extra
}

func (Userspace) attrType() uint16 { return uapi.OVS_ACTION_ATTR_USERSPACE }

var userspaceOrder = []uint16{
	uapi.OVS_USERSPACE_ATTR_PID, uapi.OVS_USERSPACE_ATTR_USERDATA,
	uapi.OVS_USERSPACE_ATTR_EGRESS_TUN_PORT, uapi.OVS_USERSPACE_ATTR_ACTIONS,
}

func decodeUserspace(at nl.Attr, _ int) (Action, bool) {
	var (
		u   Userspace
		pid bool
	)
	ok := u.decode(at.Data, userspaceOrder, func(at nl.Attr) (ok bool) {
		if at.Nested {
			return false
		}
		switch at.Type {
		case uapi.OVS_USERSPACE_ATTR_PID:
			u.PID, ok = at.Uint32()
			pid = pid || ok
		case uapi.OVS_USERSPACE_ATTR_USERDATA:
			u.Userdata, ok = notNil(at.Data), true
		case uapi.OVS_USERSPACE_ATTR_EGRESS_TUN_PORT:
			var port uint32
			if port, ok = at.Uint32(); ok {
				u.EgressTunPort = &port
			}
		case uapi.OVS_USERSPACE_ATTR_ACTIONS:
			ok = len(at.Data) == 0
			u.Actions = ok
		}
		return ok
	})
	return u, ok && pid
}

func (a Userspace) appendAttr(b []byte) ([]byte, error) {
	return a.append(b, a.attrType(), userspaceOrder, func(b []byte, typ uint16) ([]byte, error) {
		switch {
		case typ == uapi.OVS_USERSPACE_ATTR_PID:
			return nl.AppendUint32(b, typ, a.PID), nil
		case typ == uapi.OVS_USERSPACE_ATTR_USERDATA && a.Userdata != nil:
			return appendBytes(b, typ, a.Userdata)
		case typ == uapi.OVS_USERSPACE_ATTR_EGRESS_TUN_PORT && a.EgressTunPort != nil:
			return nl.AppendUint32(b, typ, *a.EgressTunPort), nil
		case typ == uapi.OVS_USERSPACE_ATTR_ACTIONS && a.Actions:
			return nl.AppendFlag(b, typ), nil
		}
		return b, nil
	})
}

func (a Userspace) appendText(b []byte, o *TextOptions) []byte {
	if o.Dialect == Kselftest {
		return a.appendKselftest(b)
	}
	b = append(b, "userspace("...)
	start := len(b)
	b = appendArg(b, start, "pid", uint64(a.PID))
	if c := Cookie(a.Userdata); a.Userdata != nil {
		b = append(b, ',')
		if s := c.layout(); s != nil && (!o.Lossless || c.expressible()) {
			b = c.appendText(b, s, o)
		} else {
			b = append(hex.AppendEncode(append(b, "userdata("...), a.Userdata), ')')
		}
	}
	if a.Actions {
		b = append(b, ",actions"...)
	}
	if a.EgressTunPort != nil {
		b = o.Names.append(append(b, ",tunnel_out_port="...), *a.EgressTunPort)
	}
	return append(a.Extra.appendText(b, start, o), ')')
}

// appendKselftest writes the bytes apart, and nothing between them and the port.
func (a Userspace) appendKselftest(b []byte) []byte {
	b = append(appendDec(append(b, "userspace(pid="...), uint64(a.PID)), ',')
	if a.Userdata != nil {
		b = append(b, "userdata="...)
		for _, c := range a.Userdata {
			if c >= 0x10 {
				b = append(b, hexDigits[c>>4])
			}
			b = append(b, hexDigits[c&15], '.')
		}
	}
	if a.EgressTunPort != nil {
		b = appendDec(append(b, "egress_tun_port="...), uint64(*a.EgressTunPort))
	}
	return append(b, ')')
}

func (p *actionParser) userspace(at, _ int) (Action, error) {
	var (
		u   Userspace
		pid bool
	)
	err := p.fields("userspace", func(name string, at int) (err error) {
		switch name {
		case "pid":
			pid = true
			var v uint64
			v, err = p.assigned("userspace", name, 32)
			u.PID = uint32(v)
		case "actions":
			u.Actions = true
		case "tunnel_out_port", "egress_tun_port":
			if u.EgressTunPort != nil {
				return p.errf(at, "userspace: tunnel_out_port appears twice")
			}
			if err = p.expect('=', "userspace", name); err == nil {
				var port uint32
				port, err = p.port("userspace", name)
				u.EgressTunPort = &port
			}
		case "unknown":
			err = u.parse(&p.scanner, "userspace")
		default:
			cookie := cookieNamed(name)
			switch {
			case name != "userdata" && cookie == nil:
				return p.noField("userspace", name, at)
			case u.Userdata != nil:
				return p.errf(at, "userspace: userdata appears twice")
			case cookie != nil:
				u.Userdata, err = p.userCookie(name, cookie)
			default:
				err = p.userdata(&u)
			}
		}
		return err
	})
	if err != nil || pid {
		return u, err
	}
	if p.Dialect == Kselftest {
		return p.incomplete(u, func(typ uint16) bool { return typ != uapi.OVS_USERSPACE_ATTR_PID })
	}
	return nil, p.errf(at, "userspace: pid=N is missing")
}

// userdata reads (HEX), =HEX, or bytes with dots between them as ovs-dpctl.py
// prints them, without a comma before the port.
func (p *actionParser) userdata(u *Userspace) (err error) {
	w := where{key: "userspace", field: "userdata"}
	if p.accept('(') {
		if u.Userdata, err = p.hexBytes(w, -1); err != nil {
			return err
		}
		return p.expect(')', "userspace", "userdata")
	}
	if err = p.expect('=', "userspace", "userdata"); err != nil {
		return err
	}
	word, _, dots := strings.Cut(p.s[p.pos:], ".")
	if !dots || !isNumber(word, 16) || word == "" {
		if !p.acceptString("0x") {
			p.acceptString("0X")
		}
		u.Userdata, err = p.hexBytes(w, -1)
		return err
	}
	for isHex(p.peek()) {
		at := p.pos
		digits := p.span(isHex)
		if p.peek() != '.' && strings.HasPrefix(p.s[at:], "egress_tun_port=") {
			p.pos = at + len("egress_tun_port=")
			port, err := p.port("userspace", "egress_tun_port")
			u.EgressTunPort = &port
			return err
		}
		if len(digits) > 2 || !p.accept('.') {
			return p.errf(at, "%s: want bytes with a dot behind each", w)
		}
		u.Userdata = append(u.Userdata, hexValue(digits))
	}
	return nil
}

type userspaceJSON struct {
	PID           uint32          `json:"pid"`
	Userdata      hexstr.Bytes    `json:"userdata,omitzero"`
	Cookie        json.RawMessage `json:"cookie,omitempty"`
	EgressTunPort *uint32         `json:"egress_tun_port,omitempty"`
	Actions       bool            `json:"actions"`
	extraJSON
}

func (a Userspace) jsonValue() any {
	j := userspaceJSON{a.PID, a.Userdata, nil, a.EgressTunPort, a.Actions, a.json()}
	if c := Cookie(a.Userdata); c.layout() != nil {
		j.Cookie, _ = c.MarshalJSON()
	}
	return j
}

var errCookieDiffers = errors.New("cookie and userdata do not say the same")

// userspaceFromJSON takes the cookie for what it is, the meaning of userdata:
// alone it stands for them, beside them it must agree.
func userspaceFromJSON(raw json.RawMessage, _ int) (Action, error) {
	var j userspaceJSON
	u := Userspace{}
	err := fromJSON(raw, &j, func() (err error) {
		u = Userspace{PID: j.PID, Userdata: j.Userdata, EgressTunPort: j.EgressTunPort, Actions: j.Actions}
		if j.Cookie != nil {
			var c Cookie
			if err := c.UnmarshalJSON(j.Cookie); err != nil {
				return err
			}
			switch {
			case u.Userdata == nil:
				u.Userdata = c
			case !c.agrees(u.Userdata):
				return errCookieDiffers
			}
		}
		u.Extra, err = j.extra()
		return err
	})
	return u, err
}
