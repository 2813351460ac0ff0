// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// Cookie is what ovs-vswitchd hands itself as userdata of a userspace action, to
// know the packet by: its struct user_action_cookie.
type Cookie []byte

// cookieSize is sizeof(struct user_action_cookie) since Open vSwitch 2.10.
const cookieSize = 48

// noPort is OFPP_NONE, which a text's cookie has as its input port.
const noPort = 0xffff

// cookieHead is common to all; the id of the bridge is 16 bytes after it.
var (
	cookieType   = layout.Host(layout.Num("type", layout.Dec, 0, 2))
	cookieInPort = layout.Host(layout.Num("ofp_in_port", layout.Dec, 4, 4))
)

const cookieUUID = 8 // where the id is

// cookies are the types there are, enum user_action_cookie_type from 1 on. The
// names are those of text and JSON.
var cookies = [...]*layout.Attr{
	cookie("sFlow", layout.Num("vlan_tci", layout.Dec, 24, 2), host("output", layout.Dec, 28, 4)),
	cookie("slow_path", host("reason", layout.Dec, 28, 4)),
	cookie("flow_sample", host("probability", layout.Dec, 24, 2), host("collector_set_id", layout.Dec, 28, 4),
		host("obs_domain_id", layout.Dec, 32, 4), host("obs_point_id", layout.Dec, 36, 4),
		host("output_port", layout.Port, 40, 4), host("direction", layout.Dec, 44, 4)),
	cookie("ipfix", host("output_port", layout.Port, 24, 4)),
	cookie("controller", host("reason", layout.Dec, 26, 2), host("dont_send", layout.Dec, 24, 1), host("continuation", layout.Dec, 25, 1),
		host("recirc_id", layout.Dec, 28, 4), layout.Num("rule_cookie", layout.Hex, 32, 8),
		host("controller_id", layout.Dec, 40, 2), host("max_len", layout.Dec, 42, 2)),
}

func host(name string, k layout.Kind, off, size int) layout.Part {
	return layout.Host(layout.Num(name, k, off, size))
}

func cookie(name string, parts ...layout.Part) *layout.Attr {
	head := layout.NewStruct(name, cookieSize, append([]layout.Part{cookieType, cookieInPort, layout.Num("", layout.IPv6, cookieUUID, 16)}, parts...)...)
	return head
}

// own are the parts that the type has for itself.
func own(s *layout.Attr) []layout.Part { return s.Parts[3:] }

func cookieNamed(name string) *layout.Attr {
	for _, s := range cookies {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// layout is that of the cookie's type, nil for bytes that are no cookie.
func (c Cookie) layout() *layout.Attr {
	if len(c) != cookieSize {
		return nil
	}
	if t := cookieType.Get(c); t > 0 && t <= uint64(len(cookies)) {
		return cookies[t-1]
	}
	return nil
}

// Known tells whether these bytes are a cookie of a known type.
func (c Cookie) Known() bool { return c.layout() != nil }

// expressible tells whether the named form says everything about the bytes.
func (c Cookie) expressible() bool {
	s := c.layout()
	if s == nil || !s.Clean(c) || cookieInPort.Get(c) != noPort || !allBytes(c[cookieUUID:cookieUUID+16], 0) {
		return false
	}
	get := func(name string) uint64 { return s.Part(name).Get(c) }
	switch s.Name {
	case "sFlow":
		tci := uint16(get("vlan_tci"))
		return (tci&vlanCFI != 0) == (tci&^vlanCFI != 0)
	case "flow_sample":
		return get("direction") < uint64(len(directions))
	case "controller":
		return get("dont_send") <= 1 && get("continuation") <= 1
	}
	return true
}

// directions are enum nx_action_sample_direction in words.
var directions = [...]string{"", "ingress", "egress"}

// appendText writes what ovs-dpctl shows of a cookie.
func (c Cookie) appendText(b []byte, s *layout.Attr, o *TextOptions) []byte {
	b = append(append(b, s.Name...), '(')
	start := len(b)
	parts := own(s)
	for i := range parts {
		p := &parts[i]
		v := p.Get(c)
		switch p.Name {
		case "vlan_tci":
			b = appendArg(b, start, "vid", v&vlanVIDMask)
			b = appendArg(b, start, "pcp", v>>vlanPCPShift)
			continue
		case "direction":
			if v > 0 && v < uint64(len(directions)) {
				b = append(append(b, ','), directions[v]...)
			}
			continue
		case "reason":
			if s.Name == "slow_path" {
				b = slowPath.append(b, v, ',')
				continue
			}
		case "dont_send", "continuation":
			v = min(v, 1)
		}
		b = append(append(separate(b, start), p.Name...), '=')
		switch p.Kind {
		case layout.Port:
			b = o.Names.append(b, uint32(v))
		case layout.Hex:
			b = appendAltHex(b, v)
		default:
			b = appendDec(b, v)
		}
	}
	return append(b, ')')
}

// userCookie reads the fields of a cookie, all of which must be there.
func (p *actionParser) userCookie(name string, s *layout.Attr) (Cookie, error) {
	if err := p.expect('(', "userspace", name); err != nil {
		return nil, err
	}
	at := p.pos
	c := make(Cookie, cookieSize)
	for i, t := range cookies {
		if t == s {
			cookieType.Put(c, uint64(i+1))
		}
	}
	cookieInPort.Put(c, noPort)
	if name == "slow_path" {
		if err := p.slowPath(s.Part("reason"), c); err != nil {
			return nil, err
		}
		return c, p.expect(')', "userspace", name)
	}
	var vid, pcp uint64
	need := map[string]bool{}
	for _, part := range own(s) {
		need[part.Name] = part.Name != "direction"
	}
	if need["vlan_tci"] {
		delete(need, "vlan_tci")
		need["vid"], need["pcp"] = true, true
	}
	err := p.fields(name, func(field string, at int) (err error) {
		w := where{key: name, field: field}
		for d, word := range directions {
			if _, ok := need["direction"]; ok && word == field {
				s.Part("direction").Put(c, uint64(d))
				return nil
			}
		}
		if !need[field] {
			return p.noField(name, field, at)
		}
		delete(need, field)
		if err = p.expect('=', name, field); err != nil {
			return err
		}
		var v uint64
		part := s.Part(field)
		switch {
		case field == "vid":
			vid, err = p.number(w, 12)
		case field == "pcp":
			pcp, err = p.number(w, 3)
		case part.Kind == layout.Port:
			var port uint32
			port, err = p.port(name, field)
			part.Put(c, uint64(port))
		default:
			from := p.pos
			if v, err = p.number(w, 8*part.Size); err == nil && v > 1 && (field == "dont_send" || field == "continuation") {
				err = p.errf(from, "%s: want 0 or 1", w)
			}
			part.Put(c, v)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	delete(need, "direction")
	for field := range need {
		if need[field] {
			return nil, p.errf(at, "%s: %s=N is missing", name, missingFirst(s, need))
		}
	}
	if tci := vid | pcp<<vlanPCPShift; tci != 0 {
		s.Part("vlan_tci").Put(c, tci|vlanCFI)
	}
	return c, p.expect(')', "userspace", name)
}

// missingFirst names one of the missing fields, always the same one.
func missingFirst(s *layout.Attr, need map[string]bool) string {
	for _, name := range []string{"vid", "pcp"} {
		if need[name] {
			return name
		}
	}
	for _, part := range own(s) {
		if need[part.Name] {
			return part.Name
		}
	}
	return ""
}

// slowPath reads reasons, separated as ovs-dpctl prints or as it reads them.
func (p *actionParser) slowPath(part *layout.Part, c Cookie) error {
	w := where{key: "slow_path"}
	var all uint64
	for first := true; p.peek() != ')'; first = false {
		if !first && !p.accept('|') && !p.accept(',') {
			break
		}
		var (
			v   uint64
			err error
		)
		if ch := p.peek(); ch >= '0' && ch <= '9' {
			v, err = p.number(w, 32)
		} else {
			v, err = p.flag(w, slowPath)
		}
		if err != nil {
			return err
		}
		all |= v
	}
	part.Put(c, all)
	return nil
}

// MarshalJSON writes the cookie's type and fields; null for bytes that are no
// cookie. Padding is not shown.
func (c Cookie) MarshalJSON() ([]byte, error) {
	s := c.layout()
	if s == nil {
		return []byte("null"), nil
	}
	b := fmt.Appendf(nil, `{"type":%q,"ofp_in_port":%d,"ofproto_uuid":%q,`, s.Name, cookieInPort.Get(c), UFID(c[cookieUUID:cookieUUID+16]))
	return append(b, appendPartsJSON(nil, own(s), c)[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Cookie) UnmarshalJSON(b []byte) error {
	var s *layout.Attr
	out := make(Cookie, cookieSize)
	cookieInPort.Put(out, noPort)
	err := eachMember(b, func(name string, raw json.RawMessage) error {
		switch {
		case name == "type":
			var word string
			if err := json.Unmarshal(raw, &word); err != nil {
				return err
			}
			for i, t := range cookies {
				if t.Name == word {
					s = t
					cookieType.Put(out, uint64(i+1))
					return nil
				}
			}
			return fmt.Errorf("no type %q", word)
		case name == "ofp_in_port":
			return partFromJSON(raw, &cookieInPort, out)
		case name == "ofproto_uuid":
			var u UFID
			if err := json.Unmarshal(raw, &u); err != nil {
				return err
			}
			if len(u) != 16 {
				return errors.New("want a UUID")
			}
			copy(out[cookieUUID:], u)
			return nil
		case s == nil:
			return errors.New(`"type" comes first`)
		}
		part := s.Part(name)
		if name == "" || part == nil {
			return errors.New("unknown field")
		}
		return partFromJSON(raw, part, out)
	})
	if err == nil && s == nil {
		err = errors.New(`"type" is missing`)
	}
	if err != nil {
		return fmt.Errorf("cookie: %w", err)
	}
	*c = out
	return nil
}

// agrees tells whether the cookie is what the bytes mean, whatever their padding.
func (c Cookie) agrees(userdata []byte) bool {
	a, _ := c.MarshalJSON()
	b, _ := Cookie(userdata).MarshalJSON()
	return bytes.Equal(a, b)
}
