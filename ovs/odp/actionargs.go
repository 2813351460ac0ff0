// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"errors"
	"strconv"
)

func (p *actionParser) sample(depth int) (Action, error) {
	var (
		s              Sample
		share, actions bool
	)
	start := p.pos
	err := p.arguments("sample", func(name string, at int) error {
		switch name {
		case "sample":
			share = true
			if err := p.expect('=', "sample: sample"); err != nil {
				return err
			}
			from := p.pos
			digits := p.span(func(c byte) bool { return c >= '0' && c <= '9' || c == '.' })
			v, err := strconv.ParseFloat(digits, 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) || digits == "" {
				return p.errf(from, "sample: the share is a percentage such as 50%%")
			}
			if v > 100 {
				return p.errf(from, "sample: share %s%% is more than 100%%", digits)
			}
			p.accept('%')
			s.Probability = ProbabilityOf(v)
		case "actions":
			actions = true
			if err := p.expect('(', "sample: actions"); err != nil {
				return err
			}
			var err error
			if s.Actions, err = p.list(depth + 1); err != nil {
				return err
			}
			return p.expect(')', "sample: actions")
		default:
			return p.unknownArgument("sample", name, at)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case !share:
		return nil, p.errf(start, "sample: sample=P%% is missing")
	case !actions:
		return nil, p.errf(start, "sample: actions(...) is missing")
	}
	return s, nil
}

func (p *actionParser) psample(at int) (Action, error) {
	var (
		ps    Psample
		group bool
	)
	err := p.arguments("psample", func(name string, at int) (err error) {
		switch name {
		case "group":
			group = true
			var v uint64
			v, err = p.value("psample", name, 32)
			ps.Group = uint32(v)
		case "cookie":
			ps.Cookie, err = p.cookie()
		default:
			err = p.unknownArgument("psample", name, at)
		}
		return err
	})
	if err == nil && !group {
		err = p.errf(at, "psample: group=N is missing")
	}
	return ps, err
}

// cookie reads =0xHEX, =HEX or (HEX).
func (p *actionParser) cookie() ([]byte, error) {
	paren := p.accept('(')
	if !paren {
		if err := p.expect('=', "psample: cookie"); err != nil {
			return nil, err
		}
	}
	if !p.acceptString("0x") {
		p.acceptString("0X")
	}
	from := p.pos
	b, err := p.hexBytes("psample: cookie", maxPsampleCookie)
	switch {
	case err != nil:
		return nil, err
	case len(b) == 0:
		return nil, p.errf(from, "psample: cookie is empty")
	case paren:
		err = p.expect(')', "psample: cookie")
	}
	return b, err
}

func (p *actionParser) userspace(at int) (Action, error) {
	var (
		u   Userspace
		pid bool
	)
	err := p.arguments("userspace", func(name string, at int) (err error) {
		switch name {
		case "pid":
			pid = true
			var v uint64
			v, err = p.value("userspace", name, 32)
			u.PID = uint32(v)
		case "userdata":
			u.Userdata, err = p.userdata()
		case "actions":
			u.Actions = true
		case "tunnel_out_port", "egress_tun_port":
			if u.EgressTunPort != nil {
				return p.errf(at, "userspace: tunnel_out_port appears twice")
			}
			var port uint32
			port, err = p.port("userspace: " + name)
			u.EgressTunPort = &port
		default:
			err = p.unknownArgument("userspace", name, at)
		}
		return err
	})
	if err == nil && !pid {
		err = p.errf(at, "userspace: pid=N is missing")
	}
	return u, err
}

func (p *actionParser) port(where string) (uint32, error) {
	if err := p.expect('=', where); err != nil {
		return 0, err
	}
	at := p.pos
	word, port, ok := p.device(p.ports)
	if ok {
		return port, nil
	}
	if word != "" && (word[0] < '0' || word[0] > '9') {
		return 0, p.errName(at, word, "%s: no port %q in the datapath", where, word)
	}
	p.pos = at
	v, err := p.number(where, 32)
	return uint32(v), err
}

func (p *actionParser) userdata() ([]byte, error) {
	if p.accept('=') {
		if !p.acceptString("0x") {
			p.acceptString("0X")
		}
		return p.hexBytes("userspace: userdata", -1)
	}
	if err := p.expect('(', "userspace: userdata"); err != nil {
		return nil, err
	}
	b, err := p.hexBytes("userspace: userdata", -1)
	if err != nil {
		return nil, err
	}
	return b, p.expect(')', "userspace: userdata")
}

func (p *actionParser) pushVLAN(at int) (Action, error) {
	v := PushVLAN{TPID: etherTypeVLAN, TCI: vlanCFI}
	tag := false
	err := p.arguments("push_vlan", func(name string, at int) error {
		var (
			n    uint64
			err  error
			bits int
		)
		switch name {
		case "tpid":
			bits = 16
		case "vid":
			bits, tag = 12, true
		case "pcp":
			bits, tag = 3, true
		case "cfi":
			bits = 1
		default:
			return p.unknownArgument("push_vlan", name, at)
		}
		if n, err = p.value("push_vlan", name, bits); err != nil {
			return err
		}
		switch name {
		case "tpid":
			v.TPID = uint16(n)
		case "vid":
			v.TCI |= uint16(n)
		case "pcp":
			v.TCI |= uint16(n) << vlanPCPShift
		case "cfi":
			v.TCI = v.TCI&^vlanCFI | uint16(n)*vlanCFI
		}
		return nil
	})
	if err == nil && !tag {
		err = p.errf(at, "push_vlan: vid=N or pcp=N is missing")
	}
	return v, err
}

func (p *actionParser) raw() (Action, error) {
	t, err := p.number("unknown", 14)
	if err != nil {
		return nil, err
	}
	r := Raw{Type: uint16(t)}
	data := false
	err = p.arguments("unknown", func(name string, at int) (err error) {
		switch name {
		case "nested":
			r.Nested = true
		case "net":
			r.NetByteOrder = true
		case "hex":
			data = true
			if err = p.expect('=', "unknown: hex"); err == nil {
				r.Data, err = p.hexBytes("unknown: hex", -1)
			}
		default:
			err = p.unknownArgument("unknown", name, at)
		}
		return err
	})
	if err == nil && !data {
		err = p.errf(p.pos, "unknown: hex=... is missing")
	}
	return r, err
}
