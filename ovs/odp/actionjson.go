// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dpscope/dpscope/internal/hexstr"
)

// actionJSON is one action: an object with the action's name as its only
// member.
type actionJSON struct {
	Output    *uint32        `json:"output,omitempty"`
	Userspace *userspaceJSON `json:"userspace,omitempty"`
	Sample    *sampleJSON    `json:"sample,omitempty"`
	Psample   *psampleJSON   `json:"psample,omitempty"`
	Trunc     *uint32        `json:"trunc,omitempty"`
	Recirc    *uint32        `json:"recirc,omitempty"`
	Clone     *[]actionJSON  `json:"clone,omitempty"`
	PushVLAN  *pushVLANJSON  `json:"push_vlan,omitempty"`
	PopVLAN   *struct{}      `json:"pop_vlan,omitempty"`
	CTClear   *struct{}      `json:"ct_clear,omitempty"`
	Meter     *uint32        `json:"meter,omitempty"`
	Unknown   *unknownJSON   `json:"unknown,omitempty"`
}

type userspaceJSON struct {
	PID           uint32       `json:"pid"`
	Userdata      hexstr.Bytes `json:"userdata,omitzero"`
	EgressTunPort *uint32      `json:"egress_tun_port,omitempty"`
	Actions       bool         `json:"actions"`
}

type sampleJSON struct {
	Probability uint32       `json:"probability"` // scaled to 1<<32 - 1
	Actions     []actionJSON `json:"actions"`
}

type psampleJSON struct {
	Group  uint32       `json:"group"`
	Cookie hexstr.Bytes `json:"cookie,omitzero"`
}

type pushVLANJSON struct {
	TPID uint16 `json:"tpid"`
	TCI  uint16 `json:"tci"`
}

// MarshalJSON writes a list of objects with one member each, named after the
// action: {"psample":{"group":7,"cookie":"c0ffee"}}; what has no name is
// {"unknown":{"type":N,"hex":"..."}}.
func (as Actions) MarshalJSON() ([]byte, error) { return json.Marshal(actionsToJSON(as)) }

// UnmarshalJSON reads what MarshalJSON writes. Members it does not know are an
// error.
func (as *Actions) UnmarshalJSON(b []byte) error {
	var js []actionJSON
	if err := strictUnmarshal("actions", b, &js); err != nil {
		return err
	}
	v, err := actionsFromJSON(js, 0)
	if err != nil {
		return fmt.Errorf("actions: %w", err)
	}
	*as = v
	return nil
}

func actionsToJSON(as Actions) []actionJSON {
	js := make([]actionJSON, 0, len(as))
	for _, a := range as {
		var j actionJSON
		switch a := a.(type) {
		case Output:
			j.Output = &a.Port
		case Userspace:
			j.Userspace = &userspaceJSON{a.PID, a.Userdata, a.EgressTunPort, a.Actions}
		case Sample:
			j.Sample = &sampleJSON{a.Probability, actionsToJSON(a.Actions)}
		case Psample:
			j.Psample = &psampleJSON{a.Group, a.Cookie}
		case Trunc:
			j.Trunc = &a.MaxLen
		case Recirc:
			j.Recirc = &a.ID
		case Clone:
			inner := actionsToJSON(a.Actions)
			j.Clone = &inner
		case PushVLAN:
			j.PushVLAN = &pushVLANJSON{a.TPID, a.TCI}
		case PopVLAN:
			j.PopVLAN = &struct{}{}
		case CTClear:
			j.CTClear = &struct{}{}
		case Meter:
			j.Meter = &a.ID
		case Raw:
			j.Unknown = &unknownJSON{
				Type: a.Type, Nested: a.Nested, NetByteOrder: a.NetByteOrder,
				Hex: a.Data,
			}
		}
		js = append(js, j)
	}
	return js
}

func actionsFromJSON(js []actionJSON, depth int) (Actions, error) {
	if depth >= maxDepth {
		return nil, errTooDeep
	}
	var as Actions
	for i, j := range js {
		a, err := j.action(depth)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		as = append(as, a)
	}
	return as, nil
}

func (j actionJSON) action(depth int) (Action, error) {
	var (
		found []Action
		err   error
	)
	add := func(a Action) { found = append(found, a) }
	if j.Output != nil {
		add(Output{Port: *j.Output})
	}
	if u := j.Userspace; u != nil {
		add(Userspace{u.PID, u.Userdata, u.EgressTunPort, u.Actions})
	}
	if j.Sample != nil {
		var inner Actions
		inner, err = actionsFromJSON(j.Sample.Actions, depth+1)
		add(Sample{j.Sample.Probability, inner})
	}
	if p := j.Psample; p != nil {
		add(Psample{p.Group, p.Cookie})
	}
	if j.Trunc != nil {
		add(Trunc{MaxLen: *j.Trunc})
	}
	if j.Recirc != nil {
		add(Recirc{ID: *j.Recirc})
	}
	if j.Clone != nil {
		var inner Actions
		inner, err = actionsFromJSON(*j.Clone, depth+1)
		add(Clone{inner})
	}
	if v := j.PushVLAN; v != nil {
		add(PushVLAN{v.TPID, v.TCI})
	}
	if j.PopVLAN != nil {
		add(PopVLAN{})
	}
	if j.CTClear != nil {
		add(CTClear{})
	}
	if j.Meter != nil {
		add(Meter{ID: *j.Meter})
	}
	if u := j.Unknown; u != nil {
		var r Raw
		r, err = u.raw()
		add(r)
	}
	switch {
	case err != nil:
		return nil, err
	case len(found) != 1:
		return nil, errors.New("an action is an object with exactly one member")
	}
	return found[0], nil
}

func (u unknownJSON) raw() (Raw, error) {
	if u.Type > maxAttrType {
		return Raw{}, fmt.Errorf("unknown: type %d is more than %d", u.Type, maxAttrType)
	}
	return Raw{Type: u.Type, Nested: u.Nested, NetByteOrder: u.NetByteOrder, Data: notNil(u.Hex)}, nil
}

// maxAttrType is what NLA_TYPE_MASK leaves for a type.
const maxAttrType = 0x3fff
