// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// message builds a psample message by hand; attrs are appended in order.
type message struct {
	cmd   uint8
	attrs []byte
}

func (m *message) u16(t, v uint16) *message {
	m.attrs = nl.AppendUint16(m.attrs, t, v)
	return m
}

func (m *message) u32(t uint16, v uint32) *message {
	m.attrs = nl.AppendUint32(m.attrs, t, v)
	return m
}

func (m *message) u64(t uint16, v uint64) *message {
	m.attrs = nl.AppendUint64(m.attrs, t, v)
	return m
}

func (m *message) bytes(t uint16, v []byte) *message {
	m.attrs = nl.AppendAttr(m.attrs, t, v)
	return m
}

func (m *message) build() []byte {
	n := attrsAt + len(m.attrs)
	b := binary.NativeEndian.AppendUint32(nil, uint32(n))
	b = binary.NativeEndian.AppendUint16(b, 0x1d) // a family id
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, m.cmd, uapi.PSAMPLE_GENL_VERSION, 0, 0)
	return append(b, m.attrs...)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// kernelSample is a message in the order the kernel builds it, with all that
// tc, Open vSwitch and a driver may send.
func kernelSample(group, seq uint32) *message {
	return new(message).
		u16(uapi.PSAMPLE_ATTR_IIFINDEX, 3).
		u16(uapi.PSAMPLE_ATTR_OIFINDEX, 4).
		u32(uapi.PSAMPLE_ATTR_SAMPLE_RATE, 1<<30).
		u32(uapi.PSAMPLE_ATTR_ORIGSIZE, 1514).
		u32(uapi.PSAMPLE_ATTR_SAMPLE_GROUP, group).
		u32(uapi.PSAMPLE_ATTR_GROUP_SEQ, seq).
		u16(uapi.PSAMPLE_ATTR_OUT_TC, 5).
		u64(uapi.PSAMPLE_ATTR_OUT_TC_OCC, 1<<40).
		u64(uapi.PSAMPLE_ATTR_LATENCY, 250).
		bytes(uapi.PSAMPLE_ATTR_PAD, nil).
		u64(uapi.PSAMPLE_ATTR_TIMESTAMP, 1700000000123456789).
		u16(uapi.PSAMPLE_ATTR_PROTO, 0x0800).
		bytes(uapi.PSAMPLE_ATTR_DATA, unhex("0102030405")).
		bytes(uapi.PSAMPLE_ATTR_TUNNEL, tunnelNest()).
		bytes(uapi.PSAMPLE_ATTR_USER_COOKIE, unhex("c0ffee")).
		bytes(uapi.PSAMPLE_ATTR_SAMPLE_PROBABILITY, nil)
}

func tunnelNest() []byte {
	b := nl.AppendAttr(nil, uapi.PSAMPLE_TUNNEL_KEY_ATTR_ID, unhex("0000000000000064"))
	b = nl.AppendAttr(b, uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV4_SRC, []byte{192, 0, 2, 1})
	b = nl.AppendAttr(b, uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV4_DST, []byte{192, 0, 2, 2})
	b = nl.AppendUint8(b, uapi.PSAMPLE_TUNNEL_KEY_ATTR_TTL, 64)
	b = nl.AppendAttr(b, uapi.PSAMPLE_TUNNEL_KEY_ATTR_TP_DST, []byte{0x12, 0xb5})
	b = nl.AppendFlag(b, uapi.PSAMPLE_TUNNEL_KEY_ATTR_CSUM)
	return nl.AppendAttr(b, 40, []byte{9})
}
