// SPDX-License-Identifier: Apache-2.0

package ovs

import "encoding/hex"

// Hex is bytes that JSON shows as lower-case hex digits.
type Hex []byte

// MarshalText writes hex digits.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText reads hex digits.
func (h *Hex) UnmarshalText(b []byte) error {
	p, err := hex.DecodeString(string(b))
	*h = p
	return err
}
