// SPDX-License-Identifier: Apache-2.0

package jsonl

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/psample"
)

const hexDigits = "0123456789abcdef"

// hexPairs has the two digits of every byte as they lie in memory, so that a
// byte costs one store. Hex is four fifths of the work for a large sample.
var hexPairs = func() (t [256]uint16) {
	for i := range t {
		t[i] = uint16(hexDigits[i>>4]) | uint16(hexDigits[i&0xf])<<8
	}
	return t
}()

// appendHex appends a quoted hex string.
func appendHex(b, src []byte) []byte {
	b = append(b, '"')
	n := len(b)
	b = slices.Grow(b, 2*len(src)+1)[:n+2*len(src)]
	dst := b[n:]
	for len(src) >= 4 && len(dst) >= 8 {
		v := uint64(hexPairs[src[0]]) | uint64(hexPairs[src[1]])<<16 |
			uint64(hexPairs[src[2]])<<32 | uint64(hexPairs[src[3]])<<48
		binary.LittleEndian.PutUint64(dst, v)
		src, dst = src[4:], dst[8:]
	}
	for i, c := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], hexPairs[c])
	}
	return append(b, '"')
}

func appendUint(b []byte, key string, v uint64) []byte {
	return strconv.AppendUint(append(b, key...), v, 10)
}

// appendAddr appends key (which opens the string) and an address.
func appendAddr(b []byte, key string, a netip.Addr) []byte {
	if !a.IsValid() {
		return b
	}
	return append(a.AppendTo(append(b, key...)), '"')
}

// appendString appends a quoted string. Interface names may hold any byte but
// slash and white space; what is no UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c < ' ' || c == 0x7f:
				b = append(b, `\u00`...)
				b = append(b, hexDigits[c>>4], hexDigits[c&0xf])
			default:
				b = append(b, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r < 0xa0 { // the upper control characters: some terminals obey them
			b = append(b, `\u00`...)
			b = append(b, hexDigits[r>>4], hexDigits[r&0xf])
		} else {
			b = utf8.AppendRune(b, r) // RuneError for a byte that fits nowhere
		}
		i += n
	}
	return append(b, '"')
}

func appendUnknown(b []byte, attrs []nl.Attr) []byte {
	if len(attrs) == 0 {
		return b
	}
	b = append(b, `,"unknown":[`...)
	for i, a := range attrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUint(b, `{"type":`, uint64(a.Type))
		b = append(b, `,"hex":`...)
		b = appendHex(b, a.Data)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendTunnel appends what is known of the tunnel the packet came out of or
// goes into. A nest that cannot be taken apart is kept as hex.
func appendTunnel(b []byte, s *psample.Sample) []byte {
	b = append(b, `,"tunnel":{`...)
	t, err := s.Tunnel()
	if err != nil {
		b = append(b, `"error":`...)
		b = appendString(b, err.Error())
		b = append(b, `,"hex":`...)
		b = appendHex(b, s.TunnelRaw)
		return append(b, '}')
	}
	start := len(b)
	if t.HasID {
		b = append(b, `,"id":"`...)
		b = append(b, "0x"...)
		b = strconv.AppendUint(b, t.ID, 16)
		b = append(b, '"')
	}
	b = appendAddr(b, `,"src":"`, t.Src)
	b = appendAddr(b, `,"dst":"`, t.Dst)
	b = appendUint(b, `,"tos":`, uint64(t.TOS))
	b = appendUint(b, `,"ttl":`, uint64(t.TTL))
	b = appendUint(b, `,"tp_src":`, uint64(t.TPSrc))
	b = appendUint(b, `,"tp_dst":`, uint64(t.TPDst))
	for _, f := range [...]struct {
		key string
		v   bool
	}{
		{`,"dont_fragment":`, t.DontFragment},
		{`,"csum":`, t.Csum},
		{`,"oam":`, t.OAM},
		{`,"ipv4_info_bridge":`, t.InfoBridge},
	} {
		b = strconv.AppendBool(append(b, f.key...), f.v)
	}
	for _, f := range [...]struct {
		key string
		v   []byte
	}{
		{`,"geneve_opts":`, t.GeneveOpts},
		{`,"vxlan_opts":`, t.VXLANOpts},
		{`,"erspan_opts":`, t.ERSPANOpts},
	} {
		if f.v != nil {
			b = appendHex(append(b, f.key...), f.v)
		}
	}
	b = appendUnknown(b, t.Unknown)
	// The first key came with the comma of the others.
	b = slices.Delete(b, start, start+1)
	return append(b, '}')
}

// stamp formats times as RFC 3339 in UTC with nanoseconds. The part down to
// the second is kept, as consecutive samples mostly share it.
type stamp struct {
	sec    int64
	prefix [20]byte // 2006-01-02T15:04:05.
	valid  bool
}

// append appends a quoted time given in nanoseconds since the epoch.
func (t *stamp) append(b []byte, ns uint64) []byte {
	sec, frac := int64(ns/1e9), ns%1e9
	if !t.valid || t.sec != sec {
		t.sec, t.valid = sec, true
		time.Unix(sec, 0).UTC().AppendFormat(t.prefix[:0], "2006-01-02T15:04:05.")
	}
	b = append(b, '"')
	b = append(b, t.prefix[:]...)
	for div := uint64(1e8); div > 0; div /= 10 {
		b = append(b, '0'+byte(frac/div%10))
	}
	return append(b, `Z"`...)
}
