// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// tnlPush reads tnl_port(N),header(...),out_port(N).
func (p *actionParser) tnlPush(at, _ int) (Action, error) {
	var (
		a    = TnlPush{Header: []byte{}}
		seen int
	)
	const key = "tnl_push"
	err := p.fields(key, func(name string, at int) (err error) {
		if err = p.expect('(', key, name); err != nil {
			return err
		}
		seen++
		switch name {
		case "tnl_port":
			a.TunnelPort, err = p.port(key, name)
		case "out_port":
			a.OutPort, err = p.port(key, name)
		case "header":
			err = p.pushHeader(&a, at)
		default:
			return p.noField(key, name, at)
		}
		if err != nil {
			return err
		}
		return p.expect(')', key, name)
	})
	if err == nil && seen != 3 {
		err = p.errf(at, "tnl_push: tnl_port(N), header(...) and out_port(N) must be given")
	}
	return a, err
}

// pushHeader reads size=N,type=N and the headers, or hex=BYTES in their place.
func (p *actionParser) pushHeader(a *TnlPush, start int) error {
	const key = "tnl_push: header"
	var size uint64
	err := p.fields(key, func(name string, at int) (err error) {
		switch name {
		case "size":
			size, err = p.assigned(key, name, 16)
		case "type":
			var v uint64
			v, err = p.assigned(key, name, 32)
			a.Type = uint32(v)
		case "hex":
			if err = p.expect('=', key, name); err == nil {
				a.Header, err = p.hexBytes(where{key: key, field: name}, maxPushHeader)
			}
		default:
			if err = p.expect('(', key, name); err == nil {
				err = p.oneHeader(a, name, at)
			}
			if err == nil {
				err = p.expect(')', key, name)
			}
		}
		return err
	})
	if err == nil && size != uint64(len(a.Header)) {
		err = p.errf(start, "%s: the headers take %d bytes, size says %d", key, len(a.Header), size)
	}
	return err
}

func (p *actionParser) oneHeader(a *TnlPush, name string, at int) error {
	var (
		b   []byte
		err error
	)
	whole := func(s *layout.Attr) { b, err = p.wholeStruct(s, at, len(s.Parts)) }
	switch name {
	case "eth":
		whole(hdrEth)
	case "ipv4":
		whole(hdrIP4)
		b[0] = 0x45 // version 4, five words
		binary.BigEndian.PutUint16(b[10:], ipChecksum(b))
	case "ipv6":
		whole(hdrIP6)
		b[0] |= 0x60 // version 6
	case "udp":
		whole(hdrUDP)
	case "vxlan":
		whole(hdrVXLAN)
	case "gtpu":
		whole(hdrGTPU)
	case "erspan":
		b, err = p.erspanHeader(at)
	case "geneve":
		b, err = p.geneveHeader()
	case "gre":
		b, err = p.greHeader(at)
	case "srv6":
		b, err = p.segments(at)
		if n := hdrEth.Size; err == nil && len(a.Header) == n+hdrIP6.Size {
			a.Header[n+6] = 43 // a routing header follows
		}
	default:
		return p.noField("tnl_push: header", name, at)
	}
	if err == nil && len(a.Header)+len(b) > maxPushHeader {
		err = p.errf(at, "tnl_push: headers longer than %d bytes", maxPushHeader)
	}
	a.Header = append(a.Header, b...)
	return err
}

func ipChecksum(h []byte) uint16 {
	var sum uint32
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func (p *actionParser) erspanHeader(at int) ([]byte, error) {
	s, proto := hdrERSPAN1, uint16(0x88be)
	if strings.HasPrefix(p.s[p.pos:], "ver=2") {
		s, proto = hdrERSPAN2, 0x22eb
	}
	b, err := p.wholeStruct(s, at, len(s.Parts))
	if v := s.Part("ver").Get(b); err == nil && v != 1 && v != 2 {
		err = p.errf(at, "erspan: there are versions 1 and 2")
	}
	binary.BigEndian.PutUint16(b, greSeq)
	binary.BigEndian.PutUint16(b[2:], proto)
	return b, err
}

func (p *actionParser) geneveHeader() ([]byte, error) {
	b := make([]byte, 8)
	binary.BigEndian.PutUint16(b[2:], 0x6558) // Ethernet inside
	var opts Field
	at := p.pos
	err := p.fields("geneve", func(name string, at int) error {
		switch name {
		case "oam":
			b[1] |= 0x80
		case "crit":
			b[1] |= 0x40
		case "vni":
			v, err := p.assigned("geneve", name, 24)
			binary.BigEndian.PutUint32(b[4:], uint32(v)<<8)
			return err
		case "options":
			if err := p.expect('(', "geneve", name); err != nil {
				return err
			}
			if err := p.geneve(&opts); err != nil {
				return err
			}
			return p.expect(')', "geneve", name)
		default:
			return p.noField("geneve", name, at)
		}
		return nil
	})
	if err == nil && len(opts.Value) > 4*0x3f {
		err = p.errf(at, "geneve: options longer than %d bytes", 4*0x3f)
	}
	b[0] = byte(len(opts.Value) / 4)
	return append(b, opts.Value...), err
}

func (p *actionParser) greHeader(at int) ([]byte, error) {
	if err := p.expect('(', "gre", ""); err != nil {
		return nil, err
	}
	b, err := p.wholeStruct(hdrGRE, at, len(hdrGRE.Parts))
	if err == nil {
		err = p.expect(')', "gre", "")
	}
	flags := binary.BigEndian.Uint16(b)
	values := map[string]uint64{}
	if err == nil {
		err = p.fields("gre", func(name string, at int) (err error) {
			for _, opt := range greOptions {
				if opt.name == name && flags&opt.flag != 0 {
					values[name], err = p.assigned("gre", name, 8*opt.size)
					return err
				}
			}
			return p.noField("gre", name, at)
		})
	}
	for _, opt := range greOptions {
		if flags&opt.flag == 0 {
			continue
		}
		v, ok := values[opt.name]
		if err == nil && !ok {
			err = p.errf(at, "gre: %s=N is missing", opt.name)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(v<<(32-8*opt.size)))
	}
	return b, err
}

func (p *actionParser) segments(at int) ([]byte, error) {
	b := make([]byte, 8)
	var segs [][16]byte
	err := p.fields("srv6", func(name string, at int) error {
		switch name {
		case "segments_left":
			v, err := p.assigned("srv6", name, 8)
			b[3] = byte(v)
			return err
		case "segs":
			if err := p.expect('(', "srv6", name); err != nil {
				return err
			}
			for p.skipDelims(); isAddress(p.peek()); p.skipDelims() {
				var seg [16]byte
				if err := p.oneAddress(where{key: "srv6", field: name}, seg[:]); err != nil {
					return err
				}
				if segs = append(segs, seg); len(segs) > maxSegments {
					return p.errf(at, "srv6: more than %d segments", maxSegments)
				}
			}
			return p.expect(')', "srv6", name)
		}
		return p.noField("srv6", name, at)
	})
	if err == nil && len(segs) != int(b[3])+1 {
		err = p.errf(at, "srv6: segments_left says %d segments, there are %d", int(b[3])+1, len(segs))
	}
	b[1], b[2], b[4] = byte(2*len(segs)), 4, b[3]
	for _, s := range slices.Backward(segs) {
		b = append(b, s[:]...)
	}
	return b, err
}
