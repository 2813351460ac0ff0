// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

const (
	nlmsgHeaderLen = 16 // struct nlmsghdr
	genlHeaderLen  = 4  // struct genlmsghdr
	attrsAt        = nlmsgHeaderLen + genlHeaderLen
	attrHeaderLen  = 4 // struct nlattr
)

// ErrNotSample is what Decode returns for a psample message that is sound but
// carries another command (a group notification).
var ErrNotSample = errors.New("not a sample")

// maxUnknown bounds Sample.Unknown; a message of 64 KiB could claim 16384
// empty attributes.
const maxUnknown = 256

// Decode reads one netlink message (from its nlmsghdr on, padding behind it
// allowed) into s, which it resets first. Byte slices in s alias msg. It does
// not allocate, except to grow s.Unknown for the first time.
//
// Interface numbers are taken in 16 and in 32 bits; of an attribute that comes
// twice the last one counts, as in the kernel's own parser; attributes it does
// not know are kept. Any other length than the kernel's, or a message that is
// cut short, is an error and s is not to be used.
func Decode(msg []byte, s *Sample) error {
	*s = Sample{Unknown: s.Unknown[:0]}
	if len(msg) < attrsAt {
		return fmt.Errorf("decode sample: message of %d bytes is shorter than its headers (%d bytes)", len(msg), attrsAt)
	}
	n := binary.NativeEndian.Uint32(msg)
	if n < attrsAt || uint64(n) > uint64(len(msg)) {
		return fmt.Errorf("decode sample: header says %d bytes, message has %d", n, len(msg))
	}
	if cmd := msg[nlmsgHeaderLen]; cmd != uapi.PSAMPLE_CMD_SAMPLE {
		return fmt.Errorf("decode sample: psample command %d: %w", cmd, ErrNotSample)
	}
	b := msg[attrsAt:n]
	// The walk is nl.Attrs' by hand: an iterator costs an indirect call per
	// attribute, and this loop runs some ten times per sample.
	for off := 0; len(b)-off >= attrHeaderLen; {
		alen := int(binary.NativeEndian.Uint16(b[off:]))
		raw := binary.NativeEndian.Uint16(b[off+2:])
		if alen < attrHeaderLen || alen > len(b)-off {
			return fmt.Errorf("decode sample: attribute %d at offset %d: length %d does not fit the %d bytes left [%s]",
				raw&nl.TypeMask, attrsAt+off, alen, len(b)-off, attrName(raw&nl.TypeMask))
		}
		data := b[off+attrHeaderLen : off+alen : off+alen]
		if !s.set(raw&nl.TypeMask, data) {
			if known(raw & nl.TypeMask) {
				return fmt.Errorf("decode sample: attribute of %d bytes has the wrong length [%s]", len(data), attrName(raw&nl.TypeMask))
			}
			if len(s.Unknown) == maxUnknown {
				return fmt.Errorf("decode sample: more than %d attributes of unknown type", maxUnknown)
			}
			s.Unknown = append(s.Unknown, nl.Attr{
				Type:         raw & nl.TypeMask,
				Nested:       raw&nl.NestedFlag != 0,
				NetByteOrder: raw&nl.NetByteOrderFlag != 0,
				Data:         data,
			})
		}
		off += (alen + 3) &^ 3
	}
	if !s.Has(uapi.PSAMPLE_ATTR_SAMPLE_GROUP) {
		return fmt.Errorf("decode sample: no group in the message [%s]", attrName(uapi.PSAMPLE_ATTR_SAMPLE_GROUP))
	}
	return nil
}

// set stores one attribute; false means an unknown type or a length that does
// not fit the type.
func (s *Sample) set(typ uint16, b []byte) bool {
	ok := true
	switch typ {
	case uapi.PSAMPLE_ATTR_IIFINDEX:
		ok = s.setIfIndex(&s.IIfIndex, b)
	case uapi.PSAMPLE_ATTR_OIFINDEX:
		ok = s.setIfIndex(&s.OIfIndex, b)
	case uapi.PSAMPLE_ATTR_ORIGSIZE:
		ok = set32(&s.OrigSize, b)
	case uapi.PSAMPLE_ATTR_SAMPLE_GROUP:
		ok = set32(&s.Group, b)
	case uapi.PSAMPLE_ATTR_GROUP_SEQ:
		ok = set32(&s.Seq, b)
	case uapi.PSAMPLE_ATTR_SAMPLE_RATE:
		ok = set32(&s.Rate, b)
	case uapi.PSAMPLE_ATTR_DATA:
		s.Data = b
	case uapi.PSAMPLE_ATTR_TUNNEL:
		s.TunnelRaw = b
	case uapi.PSAMPLE_ATTR_PAD:
	case uapi.PSAMPLE_ATTR_OUT_TC:
		ok = set16(&s.OutTC, b)
	case uapi.PSAMPLE_ATTR_OUT_TC_OCC:
		ok = set64(&s.OutTCOcc, b)
	case uapi.PSAMPLE_ATTR_LATENCY:
		ok = set64(&s.Latency, b)
	case uapi.PSAMPLE_ATTR_TIMESTAMP:
		ok = set64(&s.Timestamp, b)
	case uapi.PSAMPLE_ATTR_PROTO:
		ok = set16(&s.Proto, b)
	case uapi.PSAMPLE_ATTR_USER_COOKIE:
		s.Cookie = b
	case uapi.PSAMPLE_ATTR_SAMPLE_PROBABILITY:
		// A flag by presence; its payload, if there ever is one, says nothing.
		s.RateIsProbability = true
	default:
		return false
	}
	if ok {
		s.present |= 1 << typ
	}
	return ok
}

// known tells the types that set judges. PSAMPLE_ATTR_GROUP_REFCOUNT belongs
// to group notifications: in a sample it is kept as an unknown attribute.
func known(typ uint16) bool {
	return typ <= uapi.PSAMPLE_ATTR_MAX && typ != uapi.PSAMPLE_ATTR_GROUP_REFCOUNT
}

func (s *Sample) setIfIndex(v *uint32, b []byte) bool {
	if len(b) == 2 {
		*v, s.NarrowIfIndex = uint32(binary.NativeEndian.Uint16(b)), true
		return true
	}
	return set32(v, b)
}

func set16(v *uint16, b []byte) bool {
	if len(b) != 2 {
		return false
	}
	*v = binary.NativeEndian.Uint16(b)
	return true
}

func set32(v *uint32, b []byte) bool {
	if len(b) != 4 {
		return false
	}
	*v = binary.NativeEndian.Uint32(b)
	return true
}

func set64(v *uint64, b []byte) bool {
	if len(b) != 8 {
		return false
	}
	*v = binary.NativeEndian.Uint64(b)
	return true
}

var attrNames = [...]string{
	uapi.PSAMPLE_ATTR_IIFINDEX:           "PSAMPLE_ATTR_IIFINDEX",
	uapi.PSAMPLE_ATTR_OIFINDEX:           "PSAMPLE_ATTR_OIFINDEX",
	uapi.PSAMPLE_ATTR_ORIGSIZE:           "PSAMPLE_ATTR_ORIGSIZE",
	uapi.PSAMPLE_ATTR_SAMPLE_GROUP:       "PSAMPLE_ATTR_SAMPLE_GROUP",
	uapi.PSAMPLE_ATTR_GROUP_SEQ:          "PSAMPLE_ATTR_GROUP_SEQ",
	uapi.PSAMPLE_ATTR_SAMPLE_RATE:        "PSAMPLE_ATTR_SAMPLE_RATE",
	uapi.PSAMPLE_ATTR_DATA:               "PSAMPLE_ATTR_DATA",
	uapi.PSAMPLE_ATTR_GROUP_REFCOUNT:     "PSAMPLE_ATTR_GROUP_REFCOUNT",
	uapi.PSAMPLE_ATTR_TUNNEL:             "PSAMPLE_ATTR_TUNNEL",
	uapi.PSAMPLE_ATTR_PAD:                "PSAMPLE_ATTR_PAD",
	uapi.PSAMPLE_ATTR_OUT_TC:             "PSAMPLE_ATTR_OUT_TC",
	uapi.PSAMPLE_ATTR_OUT_TC_OCC:         "PSAMPLE_ATTR_OUT_TC_OCC",
	uapi.PSAMPLE_ATTR_LATENCY:            "PSAMPLE_ATTR_LATENCY",
	uapi.PSAMPLE_ATTR_TIMESTAMP:          "PSAMPLE_ATTR_TIMESTAMP",
	uapi.PSAMPLE_ATTR_PROTO:              "PSAMPLE_ATTR_PROTO",
	uapi.PSAMPLE_ATTR_USER_COOKIE:        "PSAMPLE_ATTR_USER_COOKIE",
	uapi.PSAMPLE_ATTR_SAMPLE_PROBABILITY: "PSAMPLE_ATTR_SAMPLE_PROBABILITY",
}

func attrName(typ uint16) string {
	if int(typ) < len(attrNames) {
		return attrNames[typ]
	}
	return fmt.Sprintf("attribute %d", typ)
}
