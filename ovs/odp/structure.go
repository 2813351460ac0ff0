// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"encoding/json"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// Actions that are structures; the tables of package layout say what text and
// JSON call their parts.
type (
	// PushEth adds an Ethernet header (OVS_ACTION_ATTR_PUSH_ETH).
	PushEth struct {
		Src, Dst [6]byte
	}

	// PushMPLS adds a label in front of the network header
	// (OVS_ACTION_ATTR_PUSH_MPLS).
	PushMPLS struct {
		LSE       uint32 // label 20 bits, traffic class 3, bottom of stack 1, TTL 8
		EtherType uint16 // 0x8847 or 0x8848
		Pad       [2]byte
	}

	// PopMPLS removes the outermost label (OVS_ACTION_ATTR_POP_MPLS).
	PopMPLS struct {
		EtherType uint16 // of what is below it
	}

	// AddMPLS adds a label in front of the packet or of its network header
	// (OVS_ACTION_ATTR_ADD_MPLS).
	AddMPLS struct {
		LSE       uint32
		EtherType uint16
		TunFlags  uint16 // OVS_MPLS_L3_TUNNEL_FLAG_MASK: in front of the network header
	}
)

func (PushEth) attrType() uint16  { return uapi.OVS_ACTION_ATTR_PUSH_ETH }
func (PushMPLS) attrType() uint16 { return uapi.OVS_ACTION_ATTR_PUSH_MPLS }
func (PopMPLS) attrType() uint16  { return uapi.OVS_ACTION_ATTR_POP_MPLS }
func (AddMPLS) attrType() uint16  { return uapi.OVS_ACTION_ATTR_ADD_MPLS }

func (a PushEth) payload() []byte {
	return append(append(make([]byte, 0, 12), a.Src[:]...), a.Dst[:]...)
}

func (a PushMPLS) payload() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 8), a.LSE)
	return append(binary.BigEndian.AppendUint16(b, a.EtherType), a.Pad[:]...)
}

func (a PopMPLS) payload() []byte { return binary.BigEndian.AppendUint16(nil, a.EtherType) }

func (a AddMPLS) payload() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 8), a.LSE)
	return binary.NativeEndian.AppendUint16(binary.BigEndian.AppendUint16(b, a.EtherType), a.TunFlags)
}

func (a PushEth) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendAttr(b, a.attrType(), a.payload()), nil
}

func (a PushMPLS) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendAttr(b, a.attrType(), a.payload()), nil
}

func (a PopMPLS) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendAttr(b, a.attrType(), a.payload()), nil
}

func (a AddMPLS) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendAttr(b, a.attrType(), a.payload()), nil
}

func pushEthOf(d []byte) Action { return PushEth{Src: [6]byte(d), Dst: [6]byte(d[6:])} }

func pushMPLSOf(d []byte) Action {
	return PushMPLS{LSE: binary.BigEndian.Uint32(d), EtherType: binary.BigEndian.Uint16(d[4:]), Pad: [2]byte(d[6:])}
}

func popMPLSOf(d []byte) Action { return PopMPLS{EtherType: binary.BigEndian.Uint16(d)} }

func addMPLSOf(d []byte) Action {
	return AddMPLS{LSE: binary.BigEndian.Uint32(d), EtherType: binary.BigEndian.Uint16(d[4:]), TunFlags: binary.NativeEndian.Uint16(d[6:])}
}

// structSpec is the table entry of such an action. The parts named last may be
// left out of its text.
func structSpec(typ uint16, s *layout.Attr, of func([]byte) Action, optional int) actionSpec {
	return actionSpec{
		name: s.Name, typ: typ,
		decode: func(at nl.Attr, _ int) (Action, bool) {
			if len(at.Data) != s.Size || at.Nested {
				return nil, false
			}
			return of(at.Data), true
		},
		parse: func(p *actionParser, at, _ int) (Action, error) {
			b, err := p.wholeStruct(s, at, len(s.Parts)-optional)
			return of(b), err
		},
		fromJSON: func(raw json.RawMessage, _ int) (Action, error) {
			b := make([]byte, s.Size)
			err := partsFromJSON(raw, b, s.Part)
			return of(b), err
		},
	}
}

// wholeStruct reads name=value for the parts of a structure; the first need
// ones must be there.
func (p *actionParser) wholeStruct(s *layout.Attr, at, need int) ([]byte, error) {
	b, given := make([]byte, s.Size), make([]byte, s.Size)
	err := p.values(s.Name, func(name string, at int) error {
		part := s.Part(name)
		if part == nil {
			return p.noField(s.Name, name, at)
		}
		return p.unmasked(where{key: s.Name, field: name}, part, b, given)
	})
	for i := range s.Parts[:need] {
		if err == nil && emptyPart(&s.Parts[i], given) {
			err = p.errf(at, "%s: %s=... is missing", s.Name, s.Parts[i].Name)
		}
	}
	return b, err
}

// unmasked reads the value of a part and marks it in given.
func (p *scanner) unmasked(w where, part *layout.Part, value, given []byte) error {
	at := p.pos
	if err := p.part(w, part, value, given); err != nil {
		return err
	}
	for i := at; i < p.pos; i++ {
		if p.s[i] == '/' {
			return p.errf(i, "%s: no mask here", w)
		}
	}
	return nil
}

func (a PushEth) appendText(b []byte, o *TextOptions) []byte {
	return appendStruct(b, layout.PushEth, layout.PushEth.Parts, a.payload(), o)
}

func (a PushMPLS) appendText(b []byte, o *TextOptions) []byte {
	if o.Lossless && a.Pad != [2]byte{} {
		return appendRawAction(b, a, o)
	}
	return appendStruct(b, layout.PushMPLS, layout.PushMPLS.Parts, a.payload(), o)
}

func (a PopMPLS) appendText(b []byte, o *TextOptions) []byte {
	if o.Dialect == Kselftest {
		return append(b, "pop_mpls"...)
	}
	return appendStruct(b, layout.PopMPLS, layout.PopMPLS.Parts, a.payload(), o)
}

// appendText leaves the flags out where ovs-dpctl does.
func (a AddMPLS) appendText(b []byte, o *TextOptions) []byte {
	parts := layout.AddMPLS.Parts
	if !o.Lossless || a.TunFlags == 0 {
		parts = parts[:len(parts)-1]
	}
	return appendStruct(b, layout.AddMPLS, parts, a.payload(), o)
}

func appendStruct(b []byte, s *layout.Attr, parts []layout.Part, v []byte, o *TextOptions) []byte {
	b = append(append(b, s.Name...), '(')
	start := len(b)
	for i := range parts {
		b = append(append(separate(b, start), parts[i].Name...), '=')
		b = appendPart(b, &parts[i], v, nil, o.Lossless)
	}
	return append(b, ')')
}

func (a PushEth) jsonValue() any  { return structValue(layout.PushEth, a.payload()) }
func (a PushMPLS) jsonValue() any { return structValue(layout.PushMPLS, a.payload()) }
func (a PopMPLS) jsonValue() any  { return structValue(layout.PopMPLS, a.payload()) }
func (a AddMPLS) jsonValue() any  { return structValue(layout.AddMPLS, a.payload()) }

// structValue is nil for what the parts do not say, padding that is not zero.
func structValue(s *layout.Attr, v []byte) any {
	if !s.Clean(v) {
		return nil
	}
	return json.RawMessage(appendPartsJSON(nil, s.Parts, v))
}
