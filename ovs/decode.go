// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/nl"
)

// headerLen is sizeof(struct ovs_header): a host-order dp_ifindex before the
// attributes of every message, linux/openvswitch.h.
const headerLen = 4

var errBadLength = errors.New("unexpected length")

// appendHeader appends struct ovs_header.
func appendHeader(b []byte, ifindex int) []byte {
	return binary.NativeEndian.AppendUint32(b, uint32(int32(ifindex)))
}

// decodeMessage splits a message after the genl header and hands its attributes
// to f one by one. f returns errBadLength for a value of the wrong size.
func decodeMessage(what string, b []byte, f func(nl.Attr) error) (ifindex int, err error) {
	if len(b) < headerLen {
		return 0, fmt.Errorf("%s message: %d bytes, shorter than its header", what, len(b))
	}
	ifindex = int(int32(binary.NativeEndian.Uint32(b)))
	for at, err := range nl.Attrs(b[headerLen:]) {
		if err == nil {
			err = f(at)
			if errors.Is(err, errBadLength) {
				err = fmt.Errorf("attribute %d: %w: %d bytes", at.Type, err, len(at.Data))
			}
		}
		if err != nil {
			return 0, fmt.Errorf("%s message: %w", what, err)
		}
	}
	return ifindex, nil
}

func getUint32(dst *uint32, at nl.Attr) error {
	v, ok := at.Uint32()
	if !ok {
		return errBadLength
	}
	*dst = v
	return nil
}

// getUint64s reads a structure of host-order u64s; a longer one (a newer
// kernel's) is taken as far as it is known.
func getUint64s(at nl.Attr, dst ...*uint64) error {
	if len(at.Data) < 8*len(dst) {
		return errBadLength
	}
	for i, d := range dst {
		*d = binary.NativeEndian.Uint64(at.Data[8*i:])
	}
	return nil
}

// getUint32s reads an array of host-order u32s.
func getUint32s(dst *[]uint32, at nl.Attr) error {
	if len(at.Data)%4 != 0 {
		return errBadLength
	}
	*dst = make([]uint32, 0, len(at.Data)/4)
	for i := 0; i < len(at.Data); i += 4 {
		*dst = append(*dst, binary.NativeEndian.Uint32(at.Data[i:]))
	}
	return nil
}

func appendUint32s(b []byte, typ uint16, vs []uint32) []byte {
	p := make([]byte, 0, 4*len(vs))
	for _, v := range vs {
		p = binary.NativeEndian.AppendUint32(p, v)
	}
	return nl.AppendAttr(b, typ, p)
}

// Attr is an attribute a message carried that this package has no field for.
type Attr struct {
	Type uint16       `json:"type"`
	Data hexstr.Bytes `json:"hex"`
}

func keepUnknown(list []Attr, at nl.Attr) []Attr {
	return append(list, Attr{Type: at.Type, Data: at.Data})
}
