// SPDX-License-Identifier: Apache-2.0

// Package cookie says what the user cookie of a sample means. The kernel does
// not look into a cookie; whoever asked for the sample put it there: an operator
// with tc, ovs-vswitchd from an OpenFlow sample action.
//
// Decoders are found by name. Those of this package are raw, ovs and auto; a
// program adds its own with Register.
package cookie

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Field is one value found in a cookie: a number or, with IsText, a text. A
// field of one name is always of one kind: readers of JSON count on it.
type Field struct {
	Name   string // snake_case, unique within a Decoded
	Num    uint64
	Text   string
	IsText bool
}

// Decoded is what a cookie means.
type Decoded struct {
	Decoder string // name of the decoder that understood it
	// Guess tells that nothing but the cookie's form speaks for this reading.
	Guess  bool
	Fields []Field
	// Problem says why a decoder the user asked for could not take the cookie;
	// there are no Fields then.
	Problem string
}

// Decoder reads cookies of one format.
type Decoder interface {
	// Name is what users call the format.
	Name() string
	// Decode resets d, reusing its Fields, and fills it. It returns false when
	// there is nothing to say about the cookie. It does not keep cookie.
	Decode(cookie []byte, d *Decoded) bool
}

var (
	mu       sync.RWMutex
	decoders = map[string]Decoder{}
)

// Register makes a decoder known under its name. It panics when the name is
// empty or taken: that is a programming error.
func Register(d Decoder) {
	mu.Lock()
	defer mu.Unlock()
	name := d.Name()
	if _, ok := decoders[name]; ok || name == "" {
		panic(fmt.Sprintf("cookie: decoder name %q is empty or taken", name))
	}
	decoders[name] = d
}

// Lookup finds a decoder by name; the error lists the names there are.
func Lookup(name string) (Decoder, error) {
	mu.RLock()
	defer mu.RUnlock()
	if d, ok := decoders[name]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("unknown cookie format %q (known: %s)", name, strings.Join(slices.Sorted(maps.Keys(decoders)), ", "))
}

// Names lists the decoders, sorted.
func Names() []string {
	mu.RLock()
	defer mu.RUnlock()
	return slices.Sorted(maps.Keys(decoders))
}

func init() {
	Register(Raw)
	Register(OVS)
	Register(Auto)
}

// Raw has nothing to say: the cookie stands for itself.
var Raw Decoder = raw{}

type raw struct{}

func (raw) Name() string { return "raw" }

func (raw) Decode(_ []byte, d *Decoded) bool {
	*d = Decoded{Decoder: "raw", Fields: d.Fields[:0]}
	return false
}

// Auto takes a cookie of 8 bytes for one of Open vSwitch and marks that as a
// guess: tc lets users choose any bytes.
var Auto Decoder = auto{}

type auto struct{}

func (auto) Name() string { return "auto" }

func (auto) Decode(cookie []byte, d *Decoded) bool {
	if len(cookie) != ovsLen {
		*d = Decoded{Fields: d.Fields[:0]}
		return false
	}
	ok := OVS.Decode(cookie, d)
	d.Guess = true
	return ok
}
