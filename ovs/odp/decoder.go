// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"hash/maphash"
)

// Decoder decodes flow after flow with few allocations: matches into memory of
// its own, and action lists, of which a table has far fewer than flows, only
// once. The zero value is ready. It must not be used by several goroutines at
// once.
type Decoder struct {
	fields, masks []Field
	lists         []knownActions
	seen          bool
	seed          maphash.Seed
}

// knownActions is a list that was decoded.
type knownActions struct {
	wire    []byte // belongs to the list
	actions Actions
}

// knownLists is how many lists a Decoder remembers, a power of two, and
// knownListMax the longest.
const (
	knownLists   = 256
	knownListMax = 512
)

// Match is DecodeMatch into memory that the next call reuses.
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

// Actions is DecodeActions whose result stays valid and may be given out again
// for the same bytes: it must not be changed.
func (d *Decoder) Actions(b []byte) (Actions, error) {
	switch {
	case len(b) == 0:
		return nil, nil
	case !d.seen: // most decoders meet only one list
		d.seen = true
		return DecodeActions(bytes.Clone(b))
	case len(b) > knownListMax:
		return DecodeActions(bytes.Clone(b))
	case d.lists == nil:
		d.lists = make([]knownActions, knownLists)
		d.seed = maphash.MakeSeed()
	}
	known := &d.lists[maphash.Bytes(d.seed, b)%knownLists]
	if !bytes.Equal(known.wire, b) {
		wire := bytes.Clone(b)
		as, err := DecodeActions(wire)
		if err != nil {
			return nil, err
		}
		*known = knownActions{wire, as}
	}
	return known.actions, nil
}
