// SPDX-License-Identifier: Apache-2.0

package odpdiff

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// normal is a flow in a form in which those that mean the same are equal: the
// JSON form, which loses nothing, without the order of attributes inside a
// tunnel, ct, nat, sample and so on. Order of keys and of actions is kept.
func normal(w wire) (match, actions string, err error) {
	m, err := odp.DecodeMatch(w.key, w.mask)
	if err != nil {
		return "", "", err
	}
	as, err := odp.DecodeActions(w.actions)
	if err != nil {
		return "", "", err
	}
	if match, err = unordered(m); err != nil {
		return "", "", err
	}
	for _, side := range [][]byte{w.key, w.mask} {
		match += " order"
		for at := range nl.Attrs(side) {
			match += fmt.Sprintf(" %d", at.Type)
		}
	}
	actions, err = unordered(as)
	return match, actions, err
}

func unordered(v json.Marshaler) (string, error) {
	b, err := v.MarshalJSON()
	if err != nil {
		return "", err
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return "", err
	}
	dropOrder(tree)
	b, err = json.Marshal(tree)
	return string(b), err
}

func dropOrder(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "order")
		for _, x := range v {
			dropOrder(x)
		}
	case []any:
		for _, x := range v {
			dropOrder(x)
		}
	}
}

// wireOf encodes a flow. Keys and actions are made by odptest, which keeps to
// what the kernel's attributes hold.
func wireOf(m odp.Match, as odp.Actions) (w wire, err error) {
	if w.key, err = m.AppendKey([]byte{}); err != nil {
		return w, fmt.Errorf("key of %s: %w", m, err)
	}
	if !m.Exact {
		if w.mask, err = m.AppendMask([]byte{}); err != nil {
			return w, fmt.Errorf("mask of %s: %w", m, err)
		}
	}
	if w.actions, err = as.AppendNetlink([]byte{}); err != nil {
		return w, fmt.Errorf("%s: %w", as, err)
	}
	return w, nil
}

// asSent is a flow as the tool sends it to a kernel: without packet_type, which
// only the userspace datapath has, and where there is no eth with the type in
// its place. So of packet_type's namespace nothing is seen.
func asSent(w wire) wire {
	w.key, w.mask = withoutPacketType(w.key), withoutPacketType(w.mask)
	return w
}

func withoutPacketType(side []byte) []byte {
	packet := find(side, uapi.OVS_KEY_ATTR_PACKET_TYPE).Data
	if packet == nil {
		return side
	}
	typ := packet[2:]
	if find(side, uapi.OVS_KEY_ATTR_ETHERNET).Data != nil {
		typ = nil
	}
	b := []byte{}
	for at := range nl.Attrs(side) {
		data, number := at.Data, at.Type
		switch {
		case number == uapi.OVS_KEY_ATTR_PACKET_TYPE:
			continue
		case number == uapi.OVS_KEY_ATTR_ETHERTYPE && typ != nil:
			data, typ = typ, nil
		case at.Nested:
			number |= nl.NestedFlag
		}
		b = nl.AppendAttr(b, number, data)
	}
	if typ != nil {
		b = nl.AppendAttr(b, uapi.OVS_KEY_ATTR_ETHERTYPE, typ)
	}
	return b
}

// find is the first attribute of a type; one without data if there is none.
func find(b []byte, typ uint16) nl.Attr {
	for at, err := range nl.Attrs(b) {
		if err != nil {
			break
		}
		if at.Type == typ {
			return at
		}
	}
	return nl.Attr{}
}

// The tool prints a context of zeros for nsh(...) that has none in netlink: 4.0
// does so for keys, 3.5 also in set. To us, and in 4.0, it means a context of
// zeros there. Without it both texts are the same.
var zeroContext = regexp.MustCompile(`(nsh\([^()]*?),?c1=0x0,c2=0x0,c3=0x0,c4=0x0\)`)

func withoutContext(s string) string { return zeroContext.ReplaceAllString(s, "$1)") }

// A full mask is shown for keys without a name only. To read it gives the plain
// action, as without one.
var fullMask = regexp.MustCompile(`(key[0-9]+\([0-9a-f ]+)/ff(?: ff)*\)`)

func withoutFull(s string) string { return fullMask.ReplaceAllString(s, "$1)") }

// readable tells whether printed actions say what they are: the tool prints drop
// wherever it is in a list, which no kernel takes before others and which is no
// text of ours, and metadata of type 2 as a number, without its leading zeros.
func readable(as odp.Actions) bool {
	for i, a := range as {
		switch a := a.(type) {
		case odp.Drop:
			if i < len(as)-1 {
				return false
			}
		case odp.PushNSH:
			if md2 := find(a.Attrs, uapi.OVS_NSH_KEY_ATTR_MD2).Data; len(md2) > 0 && md2[0] < 0x10 {
				return false
			}
		case odp.Sample:
			if !readable(a.Actions) {
				return false
			}
		case odp.Clone:
			if !readable(a.Actions) {
				return false
			}
		case odp.CheckPktLen:
			if !readable(a.Greater) || !readable(a.LessEqual) {
				return false
			}
		case odp.DecTTL:
			if !readable(a.Exceeded) {
				return false
			}
		}
	}
	return true
}
