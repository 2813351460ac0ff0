// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"slices"
	"strings"

	"github.com/dpscope/dpscope/nl"
)

// ParseActions reads actions in ovs-dpctl's text form, and in the kernel
// selftests' where that says the same: cookie(c0ffee) and cookie=c0ffee for
// cookie=0xc0ffee, userdata=HEX and egress_tun_port=N in userspace, a share
// without the percent sign. "drop" stands for an empty list. Errors are
// *SyntaxError.
//
// It refuses a psample without a group, or with an empty cookie or one longer
// than 16 bytes: the kernel would take or refuse them for reasons the writer
// did not mean. Build such actions as values (Psample, Raw), write them as
// unknown(25,nested,hex=...), or read them in the Kselftest dialect.
func ParseActions(s string, ports Ports) (Actions, error) {
	return ParseOptions{Ports: ports}.Actions(s)
}

// Actions is ParseActions with options.
func (o ParseOptions) Actions(s string) (Actions, error) {
	p := &actionParser{keyParser{scanner{what: "actions", s: s, ParseOptions: o}}}
	if strings.Trim(s, ", \t\r\n") == "" {
		if o.Dialect == Kselftest {
			return nil, nil
		}
		return nil, p.errf(0, `no actions; to drop packets write "drop"`)
	}
	as, err := p.list(0)
	if err != nil {
		return nil, err
	}
	if p.pos < len(s) {
		return nil, p.errf(p.pos, "unexpected %q", p.peek())
	}
	if len(s) > nl.MaxAttrPayload/16 && as.size() > nl.MaxAttrPayload {
		return nil, p.errf(0, "more actions than an attribute holds (%d bytes)", nl.MaxAttrPayload)
	}
	return as, nil
}

// size is how many bytes the actions take, or more than fit where they cannot
// be encoded. Those of the userspace datapath count nothing.
func (as Actions) size() int {
	kernel := slices.DeleteFunc(slices.Clone(as), func(a Action) bool { return a.attrType() == 0 })
	b, err := kernel.AppendNetlink(nil)
	if err != nil {
		if onlyUserspace(err) {
			return 0
		}
		return nl.MaxAttrPayload + 1
	}
	return len(b)
}

type actionParser struct{ keyParser }

// list reads actions up to the end or the closing parenthesis, which it leaves.
func (p *actionParser) list(depth int) (Actions, error) {
	if depth >= maxDepth {
		return nil, p.errf(p.pos, "%v", errTooDeep)
	}
	var as Actions
	for {
		p.skipDelims()
		if p.pos == len(p.s) || p.peek() == ')' {
			return as, nil
		}
		at := p.pos
		if p.acceptString("drop") && p.peek() != '(' && !isDevice(p.peek()) {
			// Alone it is no action at all; behind others ovs-dpctl means
			// the drop action by it, whose reason it does not print, and
			// ovs-dpctl.py nothing.
			if p.skipDelims(); p.pos < len(p.s) && p.peek() != ')' {
				return nil, p.errf(at, "nothing follows drop")
			}
			if len(as) > 0 && p.Dialect == OVS {
				as = append(as, Drop{})
			}
			return as, nil
		}
		p.pos = at
		a, err := p.action(depth)
		if err != nil {
			return nil, err
		}
		as = append(as, a)
		if c := p.peek(); c != 0 && c != ')' && !isDelim(c) {
			return nil, p.errf(p.pos, "expected a comma between actions, found %q", c)
		}
	}
}

func (p *actionParser) action(depth int) (Action, error) {
	at := p.pos
	word, port, named := p.device()
	s := actionByName[word]
	if p.peek() == '(' {
		p.pos++
		return p.call(s, word, at, depth)
	}
	switch {
	case s != nil && s.word != nil:
		return s.word, nil
	case named:
		return Output{Port: port}, nil
	case word != "" && word[0] >= '0' && word[0] <= '9':
		p.pos = at
		v, err := p.number(where{key: "output"}, 32)
		return Output{Port: uint32(v)}, err
	case word == "":
		return nil, p.errf(at, "expected an action, found %q", p.peek())
	}
	return nil, p.errName(at, word, "unknown action %q, and no port has that name", word)
}

// call reads the arguments of an action and the closing parenthesis.
func (p *actionParser) call(s *actionSpec, word string, at, depth int) (Action, error) {
	var (
		a   Action
		err error
	)
	switch typ, foreign := foreignAction(word); {
	case s != nil && s.parse != nil:
		a, err = s.parse(p, at, depth)
	case s != nil && s.word != nil:
		a = s.word // pop_nsh() and the like
	case word == "unknown":
		var r Raw
		r, err = p.rawAction()
		a = r.known(depth)
	case foreign:
		var b []byte
		b, err = p.spacedHex(where{key: word})
		sp := specOf(typ)
		a = Raw{Type: typ, Nested: sp != nil && sp.nest, Data: b}
	default:
		return nil, p.errf(at, "unknown action %q", word)
	}
	if err != nil {
		return nil, err
	}
	return a, p.expect(')', word, "")
}

// foreignAction takes actionN apart, ovs-dpctl's name for an action it does not
// know.
func foreignAction(name string) (typ uint16, ok bool) {
	digits, ok := strings.CutPrefix(name, "action")
	if !ok {
		return 0, false
	}
	return foreignKey("key" + digits)
}

// incomplete makes an action without the attributes that keep does not hold
// for: well-formed, and for the kernel to refuse.
func (p *actionParser) incomplete(a Action, keep func(typ uint16) bool) (Action, error) {
	b, err := a.appendAttr(nil)
	if err != nil {
		return nil, p.errf(p.pos, "%v", err)
	}
	r := Raw{Type: a.attrType(), Nested: true, Data: []byte{}}
	outer, _ := onlyAttr(b)
	for at, err := range allAttrs(outer.Data) {
		if err == nil && keep(at.Type) {
			if r.Data, err = appendBytes(r.Data, wireType(at), at.Data); err != nil {
				return nil, p.errf(p.pos, "%v", err)
			}
		}
	}
	return r, nil
}
