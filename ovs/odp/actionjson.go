// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/json"
	"errors"
	"fmt"
)

// MarshalJSON writes a list of objects with one member each, named after the
// action: {"psample":{"group":7,"cookie":"c0ffee"}}; what has no name is
// {"unknown":{"type":N,"hex":"..."}}.
func (as Actions) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, a := range as {
		if i > 0 {
			b = append(b, ',')
		}
		name, v, err := jsonOf(a)
		if err != nil {
			return nil, fmt.Errorf("actions: item %d: %w", i, err)
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("actions: item %d: %w", i, err)
		}
		b = append(append(append(append(b, `{"`...), name...), `":`...), value...)
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

// jsonOf is the member that stands for an action.
func jsonOf(a Action) (name string, v any, err error) {
	if v = a.jsonValue(); v != nil {
		if _, ok := a.(Raw); ok {
			return "unknown", v, nil
		}
		return nameOf(a), v, nil
	}
	r, err := rawOf(a) // it has no words for what it holds
	return "unknown", r.jsonValue(), err
}

// nameOf is the name of an action with a type of its own.
func nameOf(a Action) string {
	switch a.(type) {
	case LBOutput:
		return "lb_output"
	case TnlPop:
		return "tnl_pop"
	case TnlPush:
		return "tnl_push"
	}
	return specOf(a.attrType()).name
}

// UnmarshalJSON reads what MarshalJSON writes. Members it does not know are an
// error.
func (as *Actions) UnmarshalJSON(b []byte) error {
	v, err := actionsFromJSON(b, 0)
	if err != nil {
		return fmt.Errorf("actions: %w", err)
	}
	*as = v
	return nil
}

func actionsFromJSON(b []byte, depth int) (Actions, error) {
	if depth >= maxDepth {
		return nil, errTooDeep
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil || list == nil {
		return nil, errors.New("want a list")
	}
	var as Actions
	for i, raw := range list {
		a, err := actionFromJSON(raw, depth)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		as = append(as, a)
	}
	return as, nil
}

func actionFromJSON(raw json.RawMessage, depth int) (a Action, err error) {
	n := 0
	err = eachMember(raw, func(name string, raw json.RawMessage) error {
		if n++; n > 1 {
			return errors.New("an action is an object with exactly one member")
		}
		if name == "unknown" {
			var u unknownJSON
			if err := strictUnmarshal("members", raw, &u); err != nil {
				return err
			}
			r, err := u.raw()
			a = r.known(depth)
			return err
		}
		s := actionByName[name]
		if s == nil {
			return errors.New("unknown action")
		}
		a, err = s.fromJSON(raw, depth)
		return err
	})
	if err == nil && n == 0 {
		err = errors.New("an action is an object with exactly one member")
	}
	return a, err
}
