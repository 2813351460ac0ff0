// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// unknownJSON is an attribute without a form of its own.
type unknownJSON struct {
	Type         uint16       `json:"type"`
	Nested       bool         `json:"nested,omitempty"`
	NetByteOrder bool         `json:"net_byte_order,omitempty"`
	Hex          hexstr.Bytes `json:"hex"`
}

// maxAttrType is what NLA_TYPE_MASK leaves for a type.
const maxAttrType = 0x3fff

func (u unknownJSON) raw() (Raw, error) {
	if u.Type > maxAttrType {
		return Raw{}, fmt.Errorf("unknown: type %d is more than %d", u.Type, maxAttrType)
	}
	return Raw{Type: u.Type, Nested: u.Nested, NetByteOrder: u.NetByteOrder, Data: notNil(u.Hex)}, nil
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

// eachMember walks an object in the order it was written, which a map would
// lose. Errors are prefixed with the member's name.
func eachMember(b []byte, f func(string, json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("want an object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := f(name, raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// eachItem walks an array of at most limit items.
func eachItem(b []byte, limit int, f func(json.RawMessage) error) error {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil || list == nil {
		return errors.New("want a list")
	}
	if len(list) > limit {
		return fmt.Errorf("more than %d items", limit)
	}
	for i, raw := range list {
		if err := f(raw); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

// partsFromJSON reads an object of parts. A part left out stays zero.
func partsFromJSON(raw json.RawMessage, b []byte, find func(string) *layout.Part) error {
	var seen []string
	return eachMember(raw, func(name string, raw json.RawMessage) error {
		part := find(name)
		if part == nil || part.Name != name {
			return errors.New("unknown field")
		}
		if slices.Contains(seen, name) {
			return errors.New("appears twice")
		}
		seen = append(seen, name)
		return partFromJSON(raw, part, b)
	})
}

func partFromJSON(raw json.RawMessage, p *layout.Part, b []byte) error {
	var s string
	switch {
	case p.Kind == layout.MAC:
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		mac, err := net.ParseMAC(s)
		if err != nil || len(mac) != p.Size {
			return fmt.Errorf("%q is no MAC address", s)
		}
		copy(p.Bytes(b), mac)
		return nil
	case p.Kind == layout.IPv4 || p.Kind == layout.IPv6:
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		a, err := netip.ParseAddr(s)
		if err != nil || a.BitLen() != 8*p.Size || a.Zone() != "" {
			return fmt.Errorf("%q is no address of %d bits", s, 8*p.Size)
		}
		copy(p.Bytes(b), a.AsSlice())
		return nil
	case p.Size == 8:
		v, err := bytesFromJSON(raw, p.Size)
		copy(p.Bytes(b), v)
		return err
	}
	v, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil || v > p.Max() {
		return fmt.Errorf("want a number from 0 to %d", p.Max())
	}
	p.Put(b, v)
	return nil
}

// bytesFromJSON reads a string of hex digits, for n bytes unless n is negative.
func bytesFromJSON(raw json.RawMessage, n int) ([]byte, error) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if n >= 0 && len(s) != 2*n {
		return nil, fmt.Errorf("want %d hex digits", 2*n)
	}
	b := make([]byte, hex.DecodedLen(len(s)))
	if _, err := hex.Decode(b, []byte(s)); err != nil {
		return nil, errors.New("not hexadecimal digits, two for each byte")
	}
	return b, nil
}
