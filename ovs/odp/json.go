// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/dpscope/dpscope/internal/hexstr"
)

// unknownJSON is an attribute without a form of its own.
type unknownJSON struct {
	Type         uint16       `json:"type"`
	Nested       bool         `json:"nested,omitempty"`
	NetByteOrder bool         `json:"net_byte_order,omitempty"`
	Hex          hexstr.Bytes `json:"hex"`
}

// MarshalText writes the id in its text form.
func (u UFID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads the id in its text form.
func (u *UFID) UnmarshalText(b []byte) error {
	v, err := ParseUFID(string(b))
	*u = v
	return err
}

// strictUnmarshal refuses members that v has no field for: dropping one would
// change what a flow does.
func strictUnmarshal(what string, data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
