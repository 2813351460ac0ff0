// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"slices"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// fault is an action that every kernel must refuse in the same way.
type fault struct {
	what, errno string
	action      func(g *generator) odp.Action
}

func attr(typ uint16, payload ...byte) []byte { return nl.AppendAttr(nil, typ, payload) }

// group5 is the attribute of a proper group.
func group5() []byte { return nl.AppendUint32(nil, uapi.OVS_PSAMPLE_ATTR_GROUP, 5) }

// psampleFault is a psample action with any payload.
func psampleFault(what, errno string, payload ...[]byte) fault {
	return fault{"psample with " + what, errno, func(*generator) odp.Action { return rawPsample(slices.Concat(payload...)) }}
}

// rawFault is an action with any type and payload.
func rawFault(what, errno string, raw odp.Raw) fault {
	return fault{what, errno, func(*generator) odp.Action { return raw }}
}

func sampleFault(what string, payload ...[]byte) fault {
	return rawFault("sample with "+what, "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_SAMPLE, Nested: true, Data: slices.Concat(payload...)})
}

func probabilityAttr() []byte {
	return nl.AppendUint32(nil, uapi.OVS_SAMPLE_ATTR_PROBABILITY, 1<<31)
}

// actionsAttr holds one good action.
func actionsAttr() []byte {
	return attr(uapi.OVS_SAMPLE_ATTR_ACTIONS|nl.NestedFlag, attr(uapi.OVS_ACTION_ATTR_OUTPUT, portA, 0, 0, 0)...)
}

// faults are about the actions under test and their neighbours. Not among them
// is what kernels judge differently on purpose: the table of known differences
// has that.
var faults = []fault{
	{"psample with a cookie too long", "ERANGE", func(g *generator) odp.Action {
		return odp.Psample{Group: g.group(), Cookie: g.bytes(17 + g.IntN(50))}
	}},
	psampleFault("a cookie too long before a short one", "ERANGE", group5(), attr(uapi.OVS_PSAMPLE_ATTR_COOKIE, make([]byte, 17)...), attr(uapi.OVS_PSAMPLE_ATTR_COOKIE, 1)),
	psampleFault("nothing", "EINVAL"),
	psampleFault("a cookie only", "EINVAL", attr(uapi.OVS_PSAMPLE_ATTR_COOKIE, 1, 2)),
	psampleFault("attribute 3", "EINVAL", group5(), attr(3, 1, 2, 3, 4)),
	psampleFault("attribute 0", "EINVAL", group5(), attr(0)),
	psampleFault("a short group", "EINVAL", attr(uapi.OVS_PSAMPLE_ATTR_GROUP, 1, 2)),
	psampleFault("a long group", "EINVAL", attr(uapi.OVS_PSAMPLE_ATTR_GROUP, 1, 2, 3, 4, 5, 6, 7, 8)),
	psampleFault("a cookie marked as a nest", "EINVAL", group5(), attr(uapi.OVS_PSAMPLE_ATTR_COOKIE|nl.NestedFlag, 1)),
	psampleFault("bytes behind the attributes", "EINVAL", group5(), []byte{1, 2, 3}),
	psampleFault("an attribute past the end", "EINVAL", group5(), []byte{9, 0, 2, 0}),
	rawFault("psample not marked as a nest", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_PSAMPLE, Data: group5()}),

	{"trunc below an Ethernet header", "EINVAL", func(g *generator) odp.Action { return odp.Trunc{MaxLen: uint32(g.IntN(etherLen))} }},
	rawFault("trunc of 2 bytes", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_TRUNC, Data: []byte{60, 0}}),
	rawFault("trunc of 8 bytes", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_TRUNC, Data: []byte{60, 0, 0, 0, 0, 0, 0, 0}}),
	{"output to a port beyond all", "EINVAL", func(g *generator) odp.Action { return odp.Output{Port: 65535 + uint32(g.IntN(70000))} }},
	rawFault("output of 2 bytes", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_OUTPUT, Data: []byte{2, 0}}),

	sampleFault("nothing"),
	sampleFault("no probability", actionsAttr()),
	sampleFault("no actions", probabilityAttr()),
	sampleFault("two probabilities", probabilityAttr(), probabilityAttr(), actionsAttr()),
	sampleFault("two lists", probabilityAttr(), actionsAttr(), actionsAttr()),
	sampleFault("attribute 3", probabilityAttr(), actionsAttr(), attr(3, 1, 0, 0, 0)),
	sampleFault("attribute 0", probabilityAttr(), actionsAttr(), attr(0)),
	sampleFault("a probability of 2 bytes", attr(uapi.OVS_SAMPLE_ATTR_PROBABILITY, 1, 2), actionsAttr()),
	sampleFault("a list too short for an action", probabilityAttr(), attr(uapi.OVS_SAMPLE_ATTR_ACTIONS, 1, 2, 3)),
	rawFault("clone with a list too short for an action", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_CLONE, Nested: true, Data: []byte{1, 2, 3}}),

	{"userspace without a receiver", "EINVAL", func(*generator) odp.Action { return odp.Userspace{PID: 0, Userdata: []byte{1}} }},
	rawFault("userspace with nothing", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_USERSPACE, Nested: true}),
	rawFault("push_vlan without the bit that means a tag", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_PUSH_VLAN, Data: []byte{0x81, 0, 0, 5}}),
	rawFault("push_vlan with another type", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_PUSH_VLAN, Data: []byte{0x91, 0, 0x10, 5}}),
	rawFault("pop_vlan with an argument", "EINVAL", odp.Raw{Type: uapi.OVS_ACTION_ATTR_POP_VLAN, Data: []byte{1, 0, 0, 0}}),
	{"an action of no kernel", "EINVAL", func(g *generator) odp.Action {
		return odp.Raw{Type: one[uint16](g, 0, 26, 27, 28, 29, 30, 31, 63, 16383), Nested: true, Data: group5()}
	}},
	{"nests too deep", "EOVERFLOW", func(g *generator) odp.Action {
		a := odp.Action(odp.Psample{Group: 1})
		for range maxNesting + 1 + g.IntN(4) {
			a = g.nest(odp.Actions{a})
		}
		return a
	}},
}

// spoil puts a fault into a good list, at any place and depth.
func (g *generator) spoil(good odp.Actions) (odp.Actions, string, string) {
	f := one(g, faults...)
	return g.insert(good, f.action(g), 0), f.what, f.errno
}

// insert puts an action somewhere into a copy of a list.
func (g *generator) insert(list odp.Actions, a odp.Action, depth int) odp.Actions {
	list = slices.Clone(list)
	// Towers reach the kernel's own limit, which would come first.
	if len(list) > 0 && depth < maxNesting-2 && g.IntN(2) == 0 {
		i := g.IntN(len(list))
		switch nest := list[i].(type) {
		case odp.Sample:
			nest.Actions = g.insert(nest.Actions, a, depth+1)
			list[i] = nest
			return list
		case odp.Clone:
			nest.Actions = g.insert(nest.Actions, a, depth+1)
			list[i] = nest
			return list
		}
	}
	return slices.Insert(list, g.IntN(len(list)+1), a)
}
