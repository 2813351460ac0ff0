// SPDX-License-Identifier: Apache-2.0

// Package hexstr is bytes that people and JSON see as hexadecimal digits.
package hexstr

import (
	"encoding/hex"
	"errors"
)

// Bytes reads and writes as lower-case hexadecimal digits, two for each byte,
// without prefix or separators.
type Bytes []byte

// String is the digits.
func (b Bytes) String() string { return hex.EncodeToString(b) }

// AppendText appends the digits.
func (b Bytes) AppendText(dst []byte) ([]byte, error) { return hex.AppendEncode(dst, b), nil }

// MarshalText is the digits; never nil, so that JSON has a string for no bytes.
func (b Bytes) MarshalText() ([]byte, error) { return hex.AppendEncode([]byte{}, b), nil }

// UnmarshalText reads digits of either case. No digits are no bytes, not nil:
// an empty value differs from an absent one.
func (b *Bytes) UnmarshalText(text []byte) error {
	v := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(v, text); err != nil {
		return errors.New("not hexadecimal digits, two for each byte")
	}
	*b = v
	return nil
}
