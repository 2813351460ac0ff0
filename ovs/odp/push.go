// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"encoding/json"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

type (
	// PushVLAN adds a VLAN tag (OVS_ACTION_ATTR_PUSH_VLAN).
	PushVLAN struct {
		TPID uint16 `json:"tpid"` // Ethernet type of the tag, 0x8100 or 0x88a8
		TCI  uint16 `json:"tci"`  // PCP 3 bits, CFI 1 bit (the kernel wants it set), VID 12 bits
	}

	// PushNSH adds a network service header (OVS_ACTION_ATTR_PUSH_NSH).
	PushNSH struct {
		Attrs []byte // OVS_NSH_KEY_ATTR_*, as in a key
	}
)

func (PushVLAN) attrType() uint16 { return uapi.OVS_ACTION_ATTR_PUSH_VLAN }
func (PushNSH) attrType() uint16  { return uapi.OVS_ACTION_ATTR_PUSH_NSH }

func (a PushVLAN) appendAttr(b []byte) ([]byte, error) {
	p := binary.BigEndian.AppendUint16(make([]byte, 0, 4), a.TPID)
	return nl.AppendAttr(b, uapi.OVS_ACTION_ATTR_PUSH_VLAN, binary.BigEndian.AppendUint16(p, a.TCI)), nil
}

func decodePushVLAN(at nl.Attr, _ int) (Action, bool) {
	if len(at.Data) != 4 || at.Nested {
		return nil, false
	}
	return PushVLAN{TPID: binary.BigEndian.Uint16(at.Data), TCI: binary.BigEndian.Uint16(at.Data[2:])}, true
}

func (a PushVLAN) appendText(b []byte, o *TextOptions) []byte {
	b = append(b, "push_vlan("...)
	if o.Dialect == Kselftest {
		start := len(b)
		b = appendArg(b, start, "vid", uint64(a.TCI&vlanVIDMask))
		b = appendArg(b, start, "pcp", uint64(a.TCI>>vlanPCPShift))
		return append(appendHexPad(append(b, ",tpid="...), uint64(a.TPID), 4), ')')
	}
	if a.TPID != etherTypeVLAN {
		b = append(appendHexPad(append(b, "tpid="...), uint64(a.TPID), 4), ',')
	}
	return append(appendVLAN(b, a.TCI, 0xffff, &TextOptions{}), ')')
}

func (a PushVLAN) jsonValue() any { return a }

// pushVLAN reads vid, pcp, cfi and tpid.
func (p *actionParser) pushVLAN(at, _ int) (Action, error) {
	v := PushVLAN{TPID: etherTypeVLAN, TCI: vlanCFI}
	tag := false
	err := p.values("push_vlan", func(name string, at int) error {
		var bits int
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
			return p.noField("push_vlan", name, at)
		}
		n, err := p.number(where{key: "push_vlan", field: name}, bits)
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
		return err
	})
	if err == nil && !tag {
		err = p.errf(at, "push_vlan: vid=N or pcp=N is missing")
	}
	return v, err
}

func (a PushNSH) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendNested(b, uapi.OVS_ACTION_ATTR_PUSH_NSH, func(b []byte) ([]byte, error) {
		return appendBytes(b, uapi.OVS_KEY_ATTR_NSH|nl.NestedFlag, a.Attrs)
	})
}

// decodePushNSH wants one key, as a set action has it.
func decodePushNSH(at nl.Attr, _ int) (Action, bool) {
	key, ok := onlyAttr(at.Data)
	if !ok || key.Type != uapi.OVS_KEY_ATTR_NSH || key.NetByteOrder || !sound(key.Data) {
		return nil, false
	}
	return PushNSH{Attrs: normalNest(notNil(key.Data), layout.NSH, 1)}, true
}

// onlyAttr is the attribute of a nest that holds one.
func onlyAttr(b []byte) (only nl.Attr, ok bool) {
	for at, err := range allAttrs(b) {
		if err != nil || ok {
			return nl.Attr{}, false
		}
		only, ok = at, true
	}
	return only, ok
}

// expressible tells whether push_nsh(...) says all there is.
func (a PushNSH) expressible() bool {
	s := splitNSH(a.Attrs)
	switch {
	case !s.plain || s.base == nil:
		return false
	case s.base[2] == nshType1:
		return s.md1 != nil && s.md2 == nil
	case s.base[2] == nshType2:
		return s.md1 == nil && s.md2 != nil && len(s.md2)%4 == 0
	}
	return s.md1 == nil && s.md2 == nil
}

const (
	nshType2  = 2    // metadata of type 2: any number of bytes
	nshFlags  = 0x03 // bits of the fields in the header on the wire: what
	nshTTL    = 0x3f // ovs-dpctl shows of them
	nshMaxMD2 = 244  // NSH_CTX_HDRS_MAX_LEN
)

func (a PushNSH) appendText(b []byte, o *TextOptions) []byte {
	if o.Lossless && !a.expressible() {
		return appendRawAction(b, a, o)
	}
	s := splitNSH(a.Attrs)
	base := [8]byte{}
	copy(base[:], s.base)
	if !o.Lossless {
		base[0] &= nshFlags
		base[1] &= nshTTL
	}
	b = append(b, "push_nsh("...)
	start := len(b)
	b = appendNSHParts(b, start, nshBase, base[:], nil, o)
	switch md1 := s.md1; {
	case base[2] == nshType1:
		if md1 == nil {
			md1 = zeros[:nshMD1.Size]
		}
		b = appendNSHParts(b, start, nshMD1, md1, nil, o)
	case base[2] == nshType2 && o.Lossless:
		b = appendAllHex(append(b, ",md2="...), s.md2)
	case base[2] == nshType2:
		b = appendHexBytes(append(b, ",md2="...), s.md2)
	}
	return append(b, ')')
}

// pushNSH reads the fields of a header; those not given are as in ovs-dpctl.
func (p *actionParser) pushNSH(_, _ int) (Action, error) {
	base, md1 := [8]byte{1: 63, 2: nshType1, 3: 3, 7: 255}, [16]byte{} // np: Ethernet
	var none [16]byte
	var md2 []byte
	context := false
	at := p.pos
	err := p.values("push_nsh", func(name string, at int) (err error) {
		w := where{key: "push_nsh", field: name}
		part, side := nshBase.Part(name), base[:]
		if part == nil {
			if part, side = nshMD1.Part(name), md1[:]; part != nil {
				context = true
			}
		}
		switch {
		case name == "md2":
			if !p.acceptString("0x") {
				p.acceptString("0X")
			}
			md2, err = p.hexNumber(w, nshMaxMD2)
			for len(md2)%4 != 0 {
				md2 = append(md2, 0)
			}
			return err
		case part == nil:
			return p.noField("push_nsh", name, at)
		}
		return p.unmasked(w, part, side, none[:])
	})
	switch mdtype := base[2]; {
	case err != nil:
	case context && mdtype != nshType1:
		err = p.errf(at, "push_nsh: c1 to c4 belong to mdtype=1")
	case md2 != nil && mdtype != nshType2:
		err = p.errf(at, "push_nsh: md2 belongs to mdtype=2")
	}
	b := nl.AppendAttr(nil, uapi.OVS_NSH_KEY_ATTR_BASE, base[:])
	switch base[2] {
	case nshType1:
		b = nl.AppendAttr(b, uapi.OVS_NSH_KEY_ATTR_MD1, md1[:])
	case nshType2:
		if md2 != nil {
			b = nl.AppendAttr(b, uapi.OVS_NSH_KEY_ATTR_MD2, md2)
		}
	}
	return PushNSH{Attrs: b}, err
}

func (a PushNSH) jsonValue() any {
	return json.RawMessage(appendSideJSON(nil, layout.NSH, nested(a.Attrs, nil, layout.NSH), 1))
}

func pushNSHFromJSON(raw json.RawMessage, _ int) (Action, error) {
	list, err := sideFromJSON(raw, layout.NSH, 1)
	if err != nil {
		return nil, err
	}
	b, err := appendInner([]byte{}, list, layout.NSH)
	return PushNSH{Attrs: b}, err
}
