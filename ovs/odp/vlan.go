// SPDX-License-Identifier: Apache-2.0

package odp

import "encoding/binary"

const (
	etherTypeVLAN = 0x8100 // ETH_P_8021Q, linux/if_ether.h
	vlanVIDMask   = 0x0fff // VLAN_VID_MASK, linux/if_vlan.h
	vlanCFI       = 0x1000 // VLAN_CFI_MASK
	vlanPCPShift  = 13     // VLAN_PRIO_SHIFT
)

func vlanMask(mask []byte) uint16 {
	if mask == nil {
		return 0xffff
	}
	return binary.BigEndian.Uint16(mask)
}

// appendVLAN writes vid, pcp and cfi as ovs-dpctl does. That form always asks
// for the tag bit (cfi); losslessly, a match that does not is written as
// tci=value/mask.
func appendVLAN(b []byte, tci, mask uint16, o *TextOptions) []byte {
	if o.Lossless && mask&vlanCFI == 0 {
		b = appendHexPad(append(b, "tci="...), uint64(tci), 4)
		return appendHexPad(append(b, '/'), uint64(mask), 4)
	}
	start := len(b)
	vid, vidMask := tci&vlanVIDMask, mask&vlanVIDMask
	if o.verbose() || vid != 0 || vidMask != 0 {
		b = appendArg(b, start, "vid", uint64(vid))
		if vidMask != vlanVIDMask {
			b = appendHex(append(b, '/'), uint64(vidMask))
		}
	}
	pcp, pcpMask := tci>>vlanPCPShift, mask>>vlanPCPShift
	if o.verbose() || pcp != 0 || pcpMask != 0 {
		b = appendArg(b, start, "pcp", uint64(pcp))
		if pcpMask != 7 {
			b = appendHex(append(b, '/'), uint64(pcpMask))
		}
	}
	if tci&vlanCFI == 0 {
		b = append(separate(b, start), "cfi=0"...)
	}
	return b
}

// vlan reads vid, pcp, cfi, or tci alone.
func (p *keyParser) vlan(f Field) error {
	// As in ovs-dpctl a VLAN match asks for a tag to be there.
	tci, mask := uint16(vlanCFI), uint16(vlanCFI)
	whole, some := false, false
	at := p.pos
	err := p.values("vlan", func(name string, at int) error {
		var bits, shift int
		switch name {
		case "vid":
			bits = 12
		case "pcp":
			bits, shift = 3, vlanPCPShift
		case "cfi":
			bits, shift = 1, 12
		case "tci":
			if some {
				return p.errf(at, "vlan: tci stands alone")
			}
			bits, whole, tci, mask = 16, true, 0, 0
		default:
			return p.noField("vlan", name, at)
		}
		if whole && name != "tci" {
			return p.errf(at, "vlan: tci stands alone")
		}
		some = true
		all := uint64(1)<<bits - 1
		from := p.pos
		v, m, err := p.masked(where{key: "vlan", field: name}, bits, all)
		if err == nil && name == "cfi" && v == 0 && p.Dialect == Kselftest {
			return p.errf(from, "vlan: cfi must be 1")
		}
		tci = tci&^uint16(all<<shift) | uint16(v<<shift)
		mask = mask&^uint16(all<<shift) | uint16(m<<shift)
		return err
	})
	if err == nil && !some && p.Dialect == Kselftest {
		err = p.errf(at, "vlan: no fields; vid=N, pcp=N or tci=N")
	}
	binary.BigEndian.PutUint16(f.Value, tci)
	binary.BigEndian.PutUint16(f.Mask, mask)
	return err
}
