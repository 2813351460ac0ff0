// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
)

const hexDigits = "0123456789abcdef"

// separate appends a comma unless nothing was written since start.
func separate(b []byte, start int) []byte { return separated(b, start, ',') }

func separated(b []byte, start int, c byte) []byte {
	if len(b) > start {
		b = append(b, c)
	}
	return b
}

func appendDec(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }

// appendCall writes word(v).
func appendCall(b []byte, word string, v uint64) []byte {
	return append(appendDec(append(append(b, word...), '('), v), ')')
}

// appendArg writes ,name=v, without the comma at the start.
func appendArg(b []byte, start int, name string, v uint64) []byte {
	return appendDec(append(append(separate(b, start), name...), '='), v)
}

// appendAltHex is printf's %#x: no prefix on zero.
func appendAltHex(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, '0')
	}
	return appendHex(b, v)
}

// appendHex writes 0x also on zero.
func appendHex(b []byte, v uint64) []byte { return strconv.AppendUint(append(b, "0x"...), v, 16) }

// appendHexPad writes 0x and at least n digits.
func appendHexPad(b []byte, v uint64, n int) []byte {
	b = append(b, "0x"...)
	for n--; n > 0 && v>>(4*n) == 0; n-- {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, v, 16)
}

// appendHexBytes writes bytes as one number: 0x and no zeros at the start.
func appendHexBytes(b, v []byte) []byte {
	for len(v) > 0 && v[0] == 0 {
		v = v[1:]
	}
	if len(v) == 0 {
		return append(b, '0')
	}
	b = append(b, "0x"...)
	if v[0] < 0x10 {
		b = append(b, hexDigits[v[0]])
		v = v[1:]
	}
	return hex.AppendEncode(b, v)
}

// appendAllHex writes 0x and all digits of all bytes.
func appendAllHex(b, v []byte) []byte { return hex.AppendEncode(append(b, "0x"...), v) }

// appendSpacedHex writes bytes apart, as ovs-dpctl does for what it has no
// words for.
func appendSpacedHex(b, v []byte) []byte {
	for i, c := range v {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

// appendLabel writes 16 bytes, least significant first, as one hex number.
func appendLabel(b, label []byte) []byte {
	var rev [16]byte
	copy(rev[:], label)
	slices.Reverse(rev[:])
	return appendHexBytes(b, rev[:])
}

func appendMAC(b, mac []byte) []byte {
	for i, c := range mac {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

// appendAddress writes an IPv4 or IPv6 address as the C library does: an IPv6
// address with nothing but zeros before its last four bytes ends in dots.
func appendAddress(b, addr []byte) []byte {
	if len(addr) == 16 && allBytes(addr[:12], 0) && (addr[12] != 0 || addr[13] != 0) {
		b, addr = append(b, "::"...), addr[12:]
	}
	return appendPlainAddress(b, addr)
}

func appendPlainAddress(b, addr []byte) []byte {
	if a, ok := netip.AddrFromSlice(addr); ok {
		b = a.AppendTo(b)
	}
	return b
}
