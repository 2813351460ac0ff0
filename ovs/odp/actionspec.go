// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/json"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// actionSpec is how one action is read: from netlink, text and JSON.
type actionSpec struct {
	name string // in text and JSON
	typ  uint16 // OVS_ACTION_ATTR_*; 0: in the userspace datapath only
	nest bool   // a nest by definition

	// decode reads the attribute; ok is false for what could not be given back
	// unchanged.
	decode func(at nl.Attr, depth int) (a Action, ok bool)
	// parse reads what stands in the parentheses; at is where the name stands.
	parse func(p *actionParser, at, depth int) (Action, error)
	// word is the action without parentheses, nil if it must have them.
	word Action
	// fromJSON reads what jsonValue writes.
	fromJSON func(raw json.RawMessage, depth int) (Action, error)
}

var (
	actionSpecs  []actionSpec
	actionByType [32]*actionSpec
	actionByName = map[string]*actionSpec{}
)

// The table is filled at start: its functions refer to it.
func init() {
	actionSpecs = []actionSpec{
		{name: "output", typ: uapi.OVS_ACTION_ATTR_OUTPUT, decode: number(func(v uint32) Action { return Output{v} }), fromJSON: numberJSON(func(v uint32) Action { return Output{v} })},
		{name: "userspace", typ: uapi.OVS_ACTION_ATTR_USERSPACE, nest: true, decode: decodeUserspace, parse: (*actionParser).userspace, fromJSON: userspaceFromJSON},
		{name: "set", typ: uapi.OVS_ACTION_ATTR_SET, nest: true, decode: decodeSet, parse: (*actionParser).set, fromJSON: setFromJSON},
		{name: "push_vlan", typ: uapi.OVS_ACTION_ATTR_PUSH_VLAN, decode: decodePushVLAN, parse: (*actionParser).pushVLAN, fromJSON: structJSON[PushVLAN]},
		{name: "pop_vlan", typ: uapi.OVS_ACTION_ATTR_POP_VLAN, word: PopVLAN{}},
		{name: "sample", typ: uapi.OVS_ACTION_ATTR_SAMPLE, nest: true, decode: decodeSample, parse: (*actionParser).sample, fromJSON: sampleFromJSON},
		{name: "recirc", typ: uapi.OVS_ACTION_ATTR_RECIRC, decode: number(func(v uint32) Action { return Recirc{v} }), parse: argument("recirc", func(v uint32) Action { return Recirc{v} }), fromJSON: numberJSON(func(v uint32) Action { return Recirc{v} })},
		{name: "hash", typ: uapi.OVS_ACTION_ATTR_HASH, decode: decodeHash, parse: (*actionParser).hash, fromJSON: structJSON[Hash]},
		structSpec(uapi.OVS_ACTION_ATTR_PUSH_MPLS, layout.PushMPLS, pushMPLSOf, 0),
		structSpec(uapi.OVS_ACTION_ATTR_POP_MPLS, layout.PopMPLS, popMPLSOf, 0),
		{name: "set_masked", typ: uapi.OVS_ACTION_ATTR_SET_MASKED, nest: true, decode: decodeSetMasked, parse: (*actionParser).setMasked, fromJSON: setMaskedFromJSON},
		{name: "ct", typ: uapi.OVS_ACTION_ATTR_CT, nest: true, decode: decodeCT, parse: (*actionParser).ct, word: CT{}, fromJSON: ctFromJSON},
		{name: "trunc", typ: uapi.OVS_ACTION_ATTR_TRUNC, decode: number(func(v uint32) Action { return Trunc{v} }), parse: argument("trunc", func(v uint32) Action { return Trunc{v} }), fromJSON: numberJSON(func(v uint32) Action { return Trunc{v} })},
		structSpec(uapi.OVS_ACTION_ATTR_PUSH_ETH, layout.PushEth, pushEthOf, 0),
		{name: "pop_eth", typ: uapi.OVS_ACTION_ATTR_POP_ETH, word: PopEth{}},
		{name: "ct_clear", typ: uapi.OVS_ACTION_ATTR_CT_CLEAR, word: CTClear{}},
		{name: "push_nsh", typ: uapi.OVS_ACTION_ATTR_PUSH_NSH, nest: true, decode: decodePushNSH, parse: (*actionParser).pushNSH, fromJSON: pushNSHFromJSON},
		{name: "pop_nsh", typ: uapi.OVS_ACTION_ATTR_POP_NSH, word: PopNSH{}},
		{name: "meter", typ: uapi.OVS_ACTION_ATTR_METER, decode: number(func(v uint32) Action { return Meter{v} }), parse: argument("meter", func(v uint32) Action { return Meter{v} }), fromJSON: numberJSON(func(v uint32) Action { return Meter{v} })},
		{name: "clone", typ: uapi.OVS_ACTION_ATTR_CLONE, nest: true, decode: decodeClone, parse: (*actionParser).clone, fromJSON: cloneFromJSON},
		{name: "check_pkt_len", typ: uapi.OVS_ACTION_ATTR_CHECK_PKT_LEN, nest: true, decode: decodeCheckPktLen, parse: (*actionParser).checkPktLen, fromJSON: checkPktLenFromJSON},
		structSpec(uapi.OVS_ACTION_ATTR_ADD_MPLS, layout.AddMPLS, addMPLSOf, 1),
		{name: "dec_ttl", typ: uapi.OVS_ACTION_ATTR_DEC_TTL, nest: true, decode: decodeDecTTL, parse: (*actionParser).decTTL, fromJSON: decTTLFromJSON},
		{name: "drop", typ: uapi.OVS_ACTION_ATTR_DROP, decode: number(func(v uint32) Action { return Drop{v} }), parse: argument("drop", func(v uint32) Action { return Drop{v} }), fromJSON: numberJSON(func(v uint32) Action { return Drop{v} })},
		{name: "psample", typ: uapi.OVS_ACTION_ATTR_PSAMPLE, nest: true, decode: decodePsample, parse: (*actionParser).psample, fromJSON: psampleFromJSON},

		{name: "lb_output", parse: argument("lb_output", func(v uint32) Action { return LBOutput{v} }), fromJSON: numberJSON(func(v uint32) Action { return LBOutput{v} })},
		{name: "tnl_pop", parse: (*actionParser).tnlPop, fromJSON: numberJSON(func(v uint32) Action { return TnlPop{v} })},
		{name: "tnl_push", parse: (*actionParser).tnlPush, fromJSON: tnlPushFromJSON},
	}
	for i := range actionSpecs {
		s := &actionSpecs[i]
		actionByName[s.name] = s
		if s.typ != 0 {
			actionByType[s.typ] = s
		}
		if s.word != nil && s.decode == nil {
			s.decode, s.fromJSON = empty(s.word), emptyJSON(s.word)
		}
	}
}

// specOf is the table entry of an attribute, nil for an unknown one.
func specOf(typ uint16) *actionSpec {
	if int(typ) < len(actionByType) {
		return actionByType[typ]
	}
	return nil
}

// number decodes an action that is one host-order u32.
func number(f func(uint32) Action) func(nl.Attr, int) (Action, bool) {
	return func(at nl.Attr, _ int) (Action, bool) {
		v, ok := at.Uint32()
		return f(v), ok && !at.Nested
	}
}

// argument reads a number in parentheses.
func argument(name string, f func(uint32) Action) func(*actionParser, int, int) (Action, error) {
	return func(p *actionParser, _, _ int) (Action, error) {
		v, err := p.number(where{key: name}, 32)
		return f(uint32(v)), err
	}
}

func numberJSON(f func(uint32) Action) func(json.RawMessage, int) (Action, error) {
	return func(raw json.RawMessage, _ int) (Action, error) {
		var v *uint32
		if err := json.Unmarshal(raw, &v); err != nil || v == nil {
			return nil, errNumber
		}
		return f(*v), nil
	}
}

// empty decodes an action without content.
func empty(a Action) func(nl.Attr, int) (Action, bool) {
	return func(at nl.Attr, _ int) (Action, bool) { return a, len(at.Data) == 0 && !at.Nested }
}

func emptyJSON(a Action) func(json.RawMessage, int) (Action, error) {
	return func(raw json.RawMessage, _ int) (Action, error) {
		return a, strictUnmarshal("want {}", raw, &struct{}{})
	}
}

// structJSON reads an action whose members are its fields.
func structJSON[T Action](raw json.RawMessage, _ int) (Action, error) {
	var a *T
	if err := strictUnmarshal("members", raw, &a); err != nil || a == nil {
		if err == nil {
			err = errObject
		}
		return nil, err
	}
	return *a, nil
}
