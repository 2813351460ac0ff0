// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// UFID is a flow's unique id (OVS_FLOW_ATTR_UFID): 1 to 16 bytes, usually 16.
type UFID []byte

// String is the id as ovs-dpctl prints it, without "ufid:": 16 bytes as a UUID
// made of four host-order words, other lengths as plain hex.
func (u UFID) String() string {
	if len(u) != 16 {
		return hex.EncodeToString(u)
	}
	var w [4]uint32
	for i := range w {
		w[i] = binary.NativeEndian.Uint32(u[4*i:])
	}
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%04x%08x", w[0], w[1]>>16, w[1]&0xffff, w[2]>>16, w[2]&0xffff, w[3])
}

const uuidLen = 36

// ParseUFID reads what String writes.
func ParseUFID(s string) (UFID, error) {
	uuid := len(s) == uuidLen && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
	digits := s
	if uuid {
		digits = strings.ReplaceAll(s, "-", "")
	}
	b, err := hex.DecodeString(digits)
	switch {
	case err != nil, len(b) == 0, len(b) > 16, !uuid && len(b) == 16, uuid && len(b) != 16:
		return nil, fmt.Errorf("ufid %q: want a UUID, or hex digits for an id shorter than 16 bytes", s)
	}
	if uuid {
		for i := 0; i < 16; i += 4 {
			binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
		}
	}
	return b, nil
}
