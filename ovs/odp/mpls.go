// SPDX-License-Identifier: Apache-2.0

package odp

import "github.com/dpscope/dpscope/ovs/odp/internal/layout"

// appendMPLS writes the entries of a label stack one after the other: each
// starts with its label. A partly masked stack has masks on all its fields.
func appendMPLS(b []byte, a *layout.Attr, value, mask []byte) []byte {
	exact := mask == nil || allBytes(mask, 0xff)
	start := len(b)
	for off := 0; off+a.Size <= len(value); off += a.Size {
		for i := range a.Parts {
			p := &a.Parts[i]
			b = appendArg(b, start, p.Name, p.Get(value[off:]))
			if exact {
				continue
			}
			m := p.Get(mask[off:])
			if b = append(b, '/'); p.Name == "label" || p.Name == "ttl" {
				b = appendHex(b, m)
			} else {
				b = appendDec(b, m) // one digit, which ovs-dpctl writes without 0x
			}
		}
	}
	return b
}

// maxLabels bounds the stack a text gives. The kernel takes three labels.
const maxLabels = 64

// mpls reads entries of label, tc, ttl and bos. A field that the entry has
// already begins the next one.
func (p *keyParser) mpls(a *layout.Attr, f *Field) error {
	f.Value, f.Mask = make([]byte, a.Size), make([]byte, a.Size)
	seen := 0
	return p.repeated("mpls", func(name string, at int) error {
		if err := p.expect('=', "mpls", name); err != nil {
			return err
		}
		for i := range a.Parts {
			part := &a.Parts[i]
			if part.Name != name {
				continue
			}
			if seen&(1<<i) != 0 {
				if seen = 0; len(f.Value) >= maxLabels*a.Size {
					return p.errf(at, "mpls: more than %d labels", maxLabels)
				}
				f.Value, f.Mask = append(f.Value, zeros[:a.Size]...), append(f.Mask, zeros[:a.Size]...)
			}
			seen |= 1 << i
			v, m, err := p.masked(where{key: "mpls", field: name}, part.Bits, part.Max())
			part.Put(f.Value[len(f.Value)-a.Size:], v)
			part.Put(f.Mask[len(f.Mask)-a.Size:], m)
			return err
		}
		return p.noField("mpls", name, at)
	})
}
