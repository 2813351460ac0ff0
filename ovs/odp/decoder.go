// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"hash/maphash"
)

// Decoder decodes flow after flow with few allocations: matches and actions into
// memory of its own, and a list of actions that comes again and again, as most do
// in a table of flows, only once. What it returns is valid until the next call
// and as long as the bytes it was made of, and must not be changed; Clone makes
// what stays. The zero value is ready. It must not be used by several goroutines
// at once.
type Decoder struct {
	fields, masks []Field
	actions       Actions
	lists         []knownActions
	used          bool
	seed          maphash.Seed
}

// knownActions is a list that came more than once, and the hash of one that
// came once.
type knownActions struct {
	wire    []byte
	actions Actions // share memory with wire
	once    uint64
}

// knownLists is how many lists a Decoder remembers, a power of two, and
// knownListMax the longest.
const (
	knownLists   = 256
	knownListMax = 512
)

// Match is DecodeMatch with memory that the next call uses again.
func (d *Decoder) Match(key, mask []byte) (Match, error) {
	fields, err := appendSide(d.fields[:0], "flow key", key, 0)
	if err != nil {
		return Match{}, err
	}
	d.fields = fields
	masks, err := appendSide(d.masks[:0], "flow mask", mask, 0)
	if err != nil {
		return Match{}, err
	}
	d.masks = masks
	m := Match{Exact: mask == nil, Fields: fields}
	m.merge(masks)
	d.fields = m.Fields // may have grown
	return m, nil
}

// Actions is DecodeActions with memory that the next call uses again.
func (d *Decoder) Actions(b []byte) (Actions, error) {
	if len(b) == 0 {
		return nil, nil
	}
	first := !d.used // many decoders meet only one list
	d.used = true
	if first || len(b) > knownListMax {
		return d.decode(b)
	}
	if d.lists == nil {
		d.lists = make([]knownActions, knownLists)
		d.seed = maphash.MakeSeed()
	}
	hash := maphash.Bytes(d.seed, b)
	known := &d.lists[hash%knownLists]
	switch {
	case known.wire != nil && bytes.Equal(known.wire, b):
		return known.actions, nil
	case known.once != hash:
		known.once = hash
		return d.decode(b)
	}
	wire := bytes.Clone(b)
	as, err := DecodeActions(wire)
	if err != nil {
		return nil, err
	}
	known.wire, known.actions = wire, as
	return as, nil
}

func (d *Decoder) decode(b []byte) (Actions, error) {
	as, err := appendDecoded(d.actions[:0], b, 0)
	if err != nil {
		return nil, err
	}
	d.actions = as
	return as, nil
}
