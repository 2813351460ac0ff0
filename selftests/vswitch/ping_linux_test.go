// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"encoding/binary"
	"testing"
)

// reply makes an echo reply of a request, as an IPv4 packet with options.
func reply(request []byte) []byte {
	b := append([]byte{0x46}, make([]byte, ipLen+3)...)
	b = append(b, request...)
	b[ipLen+4] = typeReply
	return b
}

func TestEcho(t *testing.T) {
	for _, id := range []uint16{0, 1, 0x7fff, 0xffff} {
		for _, seq := range []uint16{0, 1, 0xf7ff, 0xffff} {
			b := echo(id, seq)
			sum := uint32(0)
			for i := 0; i < len(b); i += 2 {
				sum += uint32(binary.BigEndian.Uint16(b[i:]))
			}
			for sum > 0xffff {
				sum = sum>>16 + sum&0xffff
			}
			if len(b) != 64 || sum != 0xffff {
				t.Errorf("echo(%d, %d): %d bytes, sum %#x", id, seq, len(b), sum)
			}
			if r := reply(b); !isReply(r, id, seq) || isReply(r, id+1, seq) || isReply(r, id, seq+1) || isReply(append([]byte{0x46}, make([]byte, ipLen+3)...), id, seq) {
				t.Errorf("reply to echo(%d, %d)", id, seq)
			}
		}
	}
}

func FuzzIsReply(f *testing.F) {
	f.Add(reply(echo(1, 2)), uint16(1), uint16(2))
	f.Add([]byte{0x4f}, uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, id, seq uint16) {
		if isReply(b, id, seq) && len(b) < ipLen+8 {
			t.Errorf("a reply of %d bytes", len(b))
		}
	})
}
