// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"slices"
	"strings"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

const (
	maxPsampleCookie = uapi.OVS_PSAMPLE_COOKIE_MAX_SIZE

	etherTypeVLAN = 0x8100 // ETH_P_8021Q, linux/if_ether.h
	vlanVIDMask   = 0x0fff // VLAN_VID_MASK, linux/if_vlan.h
	vlanCFI       = 0x1000 // VLAN_CFI_MASK
	vlanPCPShift  = 13     // VLAN_PRIO_SHIFT
)

// Ports maps device names to datapath port numbers, so that text may name a
// port; nil knows none. Devices whose names are numbers cannot be named.
type Ports map[string]uint32

// ParseActions reads actions in ovs-dpctl's text form, and in the kernel
// selftests' where that says the same: cookie(c0ffee) and cookie=c0ffee for
// cookie=0xc0ffee, userdata=HEX and egress_tun_port=N in userspace, a share
// without the percent sign. "drop" stands for an empty list. Errors are
// *SyntaxError.
//
// It refuses a psample without a group, or with an empty cookie or one longer
// than 16 bytes: the kernel would take or refuse them for reasons the writer
// did not mean. Build such actions as values (Psample, Raw) or write them as
// unknown(25,nested,hex=...).
func ParseActions(s string, ports Ports) (Actions, error) {
	p := &actionParser{scanner: scanner{what: "actions", s: s}, ports: ports}
	if strings.Trim(s, ", \t\r\n") == "" {
		return nil, p.errf(0, `no actions; to drop packets write "drop"`)
	}
	as, err := p.list(0)
	if err != nil {
		return nil, err
	}
	if p.pos < len(s) {
		return nil, p.errf(p.pos, "unexpected %q", p.peek())
	}
	if b, err := as.AppendNetlink(nil); err != nil || len(b) > nl.MaxAttrPayload {
		return nil, p.errf(0, "more actions than an attribute holds (%d bytes)", nl.MaxAttrPayload)
	}
	return as, nil
}

type actionParser struct {
	scanner
	ports Ports
}

// list reads actions up to the end or the closing parenthesis, which it leaves.
func (p *actionParser) list(depth int) (Actions, error) {
	if depth >= maxDepth {
		return nil, p.errf(p.pos, "%v", errTooDeep)
	}
	p.skipDelims()
	start := p.pos
	if p.acceptString("drop") {
		p.skipDelims()
		if p.pos == len(p.s) || p.peek() == ')' {
			return nil, nil
		}
		p.pos = start
	}
	var as Actions
	for {
		p.skipDelims()
		if p.pos == len(p.s) || p.peek() == ')' {
			return as, nil
		}
		a, err := p.action(depth)
		if err != nil {
			return nil, err
		}
		as = append(as, a)
		if c := p.peek(); c != 0 && strings.IndexByte(", \t\r\n)", c) < 0 {
			return nil, p.errf(p.pos, "expected a comma between actions, found %q", c)
		}
	}
}

func (p *actionParser) action(depth int) (Action, error) {
	at := p.pos
	word, port, named := p.device(p.ports)
	if p.peek() == '(' {
		p.pos++
		return p.call(word, at, depth)
	}
	switch word {
	case "pop_vlan":
		return PopVLAN{}, nil
	case "ct_clear":
		return CTClear{}, nil
	case "drop":
		return nil, p.errf(at, "drop stands alone: it means no actions")
	}
	if named {
		return Output{Port: port}, nil
	}
	if word != "" && word[0] >= '0' && word[0] <= '9' {
		p.pos = at
		v, err := p.number("output", 32)
		return Output{Port: uint32(v)}, err
	}
	if word == "" {
		return nil, p.errf(at, "expected an action, found %q", p.peek())
	}
	return nil, p.errName(at, word, "unknown action %q, and no port has that name", word)
}

// call reads the arguments of an action and the closing parenthesis.
func (p *actionParser) call(word string, at, depth int) (a Action, err error) {
	switch word {
	case "trunc":
		var v uint64
		v, err = p.number(word, 32)
		a = Trunc{MaxLen: uint32(v)}
	case "recirc":
		var v uint64
		v, err = p.number(word, 32)
		a = Recirc{ID: uint32(v)}
	case "meter":
		var v uint64
		v, err = p.number(word, 32)
		a = Meter{ID: uint32(v)}
	case "clone":
		var as Actions
		as, err = p.list(depth + 1)
		a = Clone{Actions: as}
	case "sample":
		a, err = p.sample(depth)
	case "psample":
		a, err = p.psample(at)
	case "userspace":
		a, err = p.userspace(at)
	case "push_vlan":
		a, err = p.pushVLAN(at)
	case "unknown":
		a, err = p.raw()
	default:
		return nil, p.errf(at, "unknown action %q", word)
	}
	if err != nil {
		return nil, err
	}
	return a, p.expect(')', word)
}

// arguments calls f for each comma-separated argument, which f reads after its
// name; the closing parenthesis is left. A name may appear once.
func (p *actionParser) arguments(where string, f func(name string, at int) error) error {
	var seen []string
	for {
		p.skipDelims()
		if p.pos == len(p.s) || p.peek() == ')' {
			return nil
		}
		at := p.pos
		name := p.span(isWord)
		if slices.Contains(seen, name) {
			return p.errf(at, "%s: %s appears twice", where, name)
		}
		seen = append(seen, name)
		if err := f(name, at); err != nil {
			return err
		}
		if c := p.peek(); c != ',' && c != ')' && c != ' ' && p.pos < len(p.s) {
			return p.errf(p.pos, "%s: unexpected %q after %s", where, c, name)
		}
	}
}

func (p *actionParser) unknownArgument(where, name string, at int) error {
	if name == "" {
		return p.errf(at, "%s: expected a field, found %q", where, p.peek())
	}
	return p.errf(at, "%s: no field %q", where, name)
}

func (p *actionParser) value(where, name string, bits int) (uint64, error) {
	if err := p.expect('=', where+": "+name); err != nil {
		return 0, err
	}
	return p.number(where+": "+name, bits)
}
