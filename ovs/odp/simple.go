// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"errors"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

var (
	errNumber = errors.New("want a number from 0 to 4294967295")
	errObject = errors.New("want an object")
)

type (
	// Output sends the packet to a port (OVS_ACTION_ATTR_OUTPUT).
	Output struct {
		Port uint32 // datapath port number
	}

	// Trunc cuts the packet for the next output-like action
	// (OVS_ACTION_ATTR_TRUNC).
	Trunc struct {
		MaxLen uint32 // bytes that remain; the kernel wants at least 14
	}

	// Recirc looks the packet up again under a recirculation id
	// (OVS_ACTION_ATTR_RECIRC).
	Recirc struct {
		ID uint32
	}

	// Meter runs the packet through a meter (OVS_ACTION_ATTR_METER).
	Meter struct {
		ID uint32
	}

	// Drop drops the packet and says why (OVS_ACTION_ATTR_DROP, Linux 6.6).
	// An empty list of actions drops it, too.
	Drop struct {
		Reason uint32 // for tracing; 0: none in particular
	}

	// PopVLAN removes the outermost VLAN tag (OVS_ACTION_ATTR_POP_VLAN).
	PopVLAN struct{}

	// PopEth removes the Ethernet header (OVS_ACTION_ATTR_POP_ETH).
	PopEth struct{}

	// PopNSH removes the network service header (OVS_ACTION_ATTR_POP_NSH).
	PopNSH struct{}

	// CTClear forgets the packet's conntrack state
	// (OVS_ACTION_ATTR_CT_CLEAR).
	CTClear struct{}

	// Hash computes a hash for the next lookup (OVS_ACTION_ATTR_HASH).
	Hash struct {
		Alg   uint32 `json:"alg"` // OVS_HASH_ALG_*
		Basis uint32 `json:"basis"`
	}
)

func (Output) attrType() uint16  { return uapi.OVS_ACTION_ATTR_OUTPUT }
func (Trunc) attrType() uint16   { return uapi.OVS_ACTION_ATTR_TRUNC }
func (Recirc) attrType() uint16  { return uapi.OVS_ACTION_ATTR_RECIRC }
func (Meter) attrType() uint16   { return uapi.OVS_ACTION_ATTR_METER }
func (Drop) attrType() uint16    { return uapi.OVS_ACTION_ATTR_DROP }
func (PopVLAN) attrType() uint16 { return uapi.OVS_ACTION_ATTR_POP_VLAN }
func (PopEth) attrType() uint16  { return uapi.OVS_ACTION_ATTR_POP_ETH }
func (PopNSH) attrType() uint16  { return uapi.OVS_ACTION_ATTR_POP_NSH }
func (CTClear) attrType() uint16 { return uapi.OVS_ACTION_ATTR_CT_CLEAR }
func (Hash) attrType() uint16    { return uapi.OVS_ACTION_ATTR_HASH }

func (a Output) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_OUTPUT, a.Port), nil
}

func (a Trunc) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_TRUNC, a.MaxLen), nil
}

func (a Recirc) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_RECIRC, a.ID), nil
}

func (a Meter) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_METER, a.ID), nil
}

func (a Drop) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_DROP, a.Reason), nil
}

func (PopVLAN) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendFlag(b, uapi.OVS_ACTION_ATTR_POP_VLAN), nil
}

func (PopEth) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendFlag(b, uapi.OVS_ACTION_ATTR_POP_ETH), nil
}

func (PopNSH) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendFlag(b, uapi.OVS_ACTION_ATTR_POP_NSH), nil
}

func (CTClear) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendFlag(b, uapi.OVS_ACTION_ATTR_CT_CLEAR), nil
}

func (a Hash) appendAttr(b []byte) ([]byte, error) {
	p := binary.NativeEndian.AppendUint32(make([]byte, 0, 8), a.Alg)
	return nl.AppendAttr(b, uapi.OVS_ACTION_ATTR_HASH, binary.NativeEndian.AppendUint32(p, a.Basis)), nil
}

func decodeHash(at nl.Attr, _ int) (Action, bool) {
	if len(at.Data) != 8 || at.Nested {
		return nil, false
	}
	return Hash{Alg: binary.NativeEndian.Uint32(at.Data), Basis: binary.NativeEndian.Uint32(at.Data[4:])}, true
}

func (a Output) appendText(b []byte, o *TextOptions) []byte { return o.Names.append(b, a.Port) }

func (a Trunc) appendText(b []byte, _ *TextOptions) []byte {
	return appendCall(b, "trunc", uint64(a.MaxLen))
}

func (a Meter) appendText(b []byte, _ *TextOptions) []byte {
	return appendCall(b, "meter", uint64(a.ID))
}

func (a Recirc) appendText(b []byte, o *TextOptions) []byte {
	b = append(b, "recirc("...)
	if o.Dialect == Kselftest {
		b = appendHex(b, uint64(a.ID))
	} else {
		b = appendAltHex(b, uint64(a.ID))
	}
	return append(b, ')')
}

// appendText leaves the reason out where ovs-dpctl does.
func (a Drop) appendText(b []byte, o *TextOptions) []byte {
	if o.Dialect == OVS && !o.Lossless {
		return append(b, "drop"...)
	}
	return appendCall(b, "drop", uint64(a.Reason))
}

func (PopVLAN) appendText(b []byte, _ *TextOptions) []byte { return append(b, "pop_vlan"...) }
func (PopEth) appendText(b []byte, _ *TextOptions) []byte  { return append(b, "pop_eth"...) }
func (CTClear) appendText(b []byte, _ *TextOptions) []byte { return append(b, "ct_clear"...) }

func (PopNSH) appendText(b []byte, o *TextOptions) []byte {
	if o.Dialect == Kselftest {
		return append(b, "pop_nsh"...)
	}
	return append(b, "pop_nsh()"...)
}

// hashNames are OVS_HASH_ALG_* in ovs-dpctl's words.
var hashNames = [...]string{uapi.OVS_HASH_ALG_L4: "l4", uapi.OVS_HASH_ALG_SYM_L4: "sym_l4"}

func (a Hash) appendText(b []byte, _ *TextOptions) []byte {
	b = append(b, "hash("...)
	if int(a.Alg) < len(hashNames) {
		b = appendCall(b, hashNames[a.Alg], uint64(a.Basis))
	} else {
		start := len(b)
		b = appendArg(appendArg(b, start, "alg", uint64(a.Alg)), start, "basis", uint64(a.Basis))
	}
	return append(b, ')')
}

// hash reads l4(BASIS), sym_l4(BASIS) or alg=N,basis=N.
func (p *actionParser) hash(at, _ int) (Action, error) {
	var (
		h     Hash
		found bool
	)
	err := p.fields("hash", func(name string, at int) (err error) {
		var v uint64
		for alg, word := range hashNames {
			if word != name {
				continue
			}
			if found {
				return p.errf(at, "hash: one algorithm is enough")
			}
			found, h.Alg = true, uint32(alg)
			if err = p.expect('(', "hash", name); err != nil {
				return err
			}
			if v, err = p.number(where{key: "hash", field: name}, 32); err != nil {
				return err
			}
			h.Basis = uint32(v)
			return p.expect(')', "hash", name)
		}
		switch name {
		case "alg":
			if found {
				return p.errf(at, "hash: one algorithm is enough")
			}
			found = true
			v, err = p.assigned("hash", name, 32)
			h.Alg = uint32(v)
		case "basis":
			v, err = p.assigned("hash", name, 32)
			h.Basis = uint32(v)
		default:
			err = p.noField("hash", name, at)
		}
		return err
	})
	if err == nil && !found {
		err = p.errf(at, "hash: l4(BASIS) or sym_l4(BASIS) is missing")
	}
	return h, err
}

func (a Output) jsonValue() any  { return a.Port }
func (a Trunc) jsonValue() any   { return a.MaxLen }
func (a Recirc) jsonValue() any  { return a.ID }
func (a Meter) jsonValue() any   { return a.ID }
func (a Drop) jsonValue() any    { return a.Reason }
func (a PopVLAN) jsonValue() any { return a }
func (a PopEth) jsonValue() any  { return a }
func (a PopNSH) jsonValue() any  { return a }
func (a CTClear) jsonValue() any { return a }
func (a Hash) jsonValue() any    { return a }
