// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"encoding/json"
	"slices"

	"github.com/dpscope/dpscope/internal/hexstr"
)

// Sample is what a psample message said, as far as two kernels can be held
// against each other: no time, and devices by their part in the test.
type Sample struct {
	Group       uint32       `json:"group"`
	Cookie      hexstr.Bytes `json:"cookie"`
	Rate        uint32       `json:"rate"`
	Probability bool         `json:"rate_is_probability"`
	Seq         uint32       `json:"seq"`
	Proto       uint16       `json:"proto"`
	OrigSize    uint32       `json:"orig_size"`
	In          string       `json:"iif"`
	Out         string       `json:"oif,omitempty"`
	Len         int          `json:"len"`
	Data        string       `json:"data"` // as describe writes it
	// Attrs has a bit for each PSAMPLE_ATTR_* that was there.
	Attrs uint32 `json:"attrs"`
}

// Frame is a packet that left the datapath.
type Frame struct {
	Port uint32 `json:"port"`
	Tag  string `json:"tag,omitempty"` // outermost, which the kernel keeps apart
	Len  int    `json:"len"`
	Data string `json:"data"`
}

// Upcall is a packet that a userspace action sent.
type Upcall struct {
	Command  string       `json:"command"`
	Len      int          `json:"len"`
	Data     string       `json:"data"`
	OrigLen  uint32       `json:"orig_len,omitempty"` // OVS_PACKET_ATTR_LEN
	Userdata hexstr.Bytes `json:"userdata,omitempty"`
	HasData  bool         `json:"has_userdata,omitempty"` // an empty one is one
	Actions  string       `json:"actions,omitempty"`
}

// Outcome is everything that came of one packet. Samples and upcalls are in the
// order they came, frames too, port by port: what left by different ports has
// no order.
type Outcome struct {
	Samples []Sample `json:"samples,omitempty"`
	Frames  []Frame  `json:"frames,omitempty"`
	Upcalls []Upcall `json:"upcalls,omitempty"`
}

// size is how much came of the packet.
func (o Outcome) size() int { return len(o.Samples) + len(o.Frames) + len(o.Upcalls) }

// canonical is equal for equal outcomes, and for no others.
func (o Outcome) canonical() string {
	o.Frames = slices.Clone(o.Frames)
	slices.SortStableFunc(o.Frames, func(a, b Frame) int { return int(a.Port) - int(b.Port) })
	b, err := json.Marshal(o)
	if err != nil {
		panic("parity: an outcome cannot be written: " + err.Error()) // it is made of plain fields
	}
	return string(b)
}

// outcomeSet is outcomes without order and number.
type outcomeSet map[string]Outcome

func setOf(list []Outcome) outcomeSet {
	s := outcomeSet{}
	for _, o := range list {
		s[o.canonical()] = o
	}
	return s
}

// keys are the canonical forms in their order.
func (s outcomeSet) keys() []string {
	out := make([]string, 0, len(s))
	for k := range s {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// list is the outcomes in the order of their canonical forms.
func (s outcomeSet) list() []Outcome {
	out := make([]Outcome, 0, len(s))
	for _, k := range s.keys() {
		out = append(out, s[k])
	}
	return out
}
