// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/json"
)

type sampleJSON struct {
	Probability uint32  `json:"probability"` // scaled to 1<<32 - 1
	Actions     Actions `json:"actions"`
	extraJSON
}

type checkPktLenJSON struct {
	PktLen    uint16  `json:"pkt_len"`
	Greater   Actions `json:"actions_if_greater"`
	LessEqual Actions `json:"actions_if_less_equal"`
	extraJSON
}

type decTTLJSON struct {
	Exceeded Actions `json:"action"`
	extraJSON
}

func (a Sample) jsonValue() any { return sampleJSON{a.Probability, a.Actions, a.json()} }
func (a Clone) jsonValue() any  { return a.Actions }
func (a CheckPktLen) jsonValue() any {
	return checkPktLenJSON{a.PktLen, a.Greater, a.LessEqual, a.json()}
}
func (a DecTTL) jsonValue() any { return decTTLJSON{a.Exceeded, a.json()} }

// listJSON defers the reading of an inner list, so that its depth is known.
type listJSON = json.RawMessage

func sampleFromJSON(raw json.RawMessage, depth int) (Action, error) {
	var j struct {
		Probability uint32   `json:"probability"`
		Actions     listJSON `json:"actions"`
		extraJSON
	}
	s := Sample{}
	err := fromJSON(raw, &j, func() (err error) {
		s.Probability = j.Probability
		if s.Actions, err = actionsFromJSON(j.Actions, depth+1); err == nil {
			s.Extra, err = j.extra()
		}
		return err
	})
	return s, err
}

func cloneFromJSON(raw json.RawMessage, depth int) (Action, error) {
	as, err := actionsFromJSON(raw, depth+1)
	return Clone{Actions: as}, err
}

func checkPktLenFromJSON(raw json.RawMessage, depth int) (Action, error) {
	var j struct {
		PktLen    uint16   `json:"pkt_len"`
		Greater   listJSON `json:"actions_if_greater"`
		LessEqual listJSON `json:"actions_if_less_equal"`
		extraJSON
	}
	c := CheckPktLen{}
	err := fromJSON(raw, &j, func() (err error) {
		c.PktLen = j.PktLen
		if c.Greater, err = actionsFromJSON(j.Greater, depth+1); err != nil {
			return err
		}
		if c.LessEqual, err = actionsFromJSON(j.LessEqual, depth+1); err == nil {
			c.Extra, err = j.extra()
		}
		return err
	})
	return c, err
}

func decTTLFromJSON(raw json.RawMessage, depth int) (Action, error) {
	var j struct {
		Exceeded listJSON `json:"action"`
		extraJSON
	}
	d := DecTTL{}
	err := fromJSON(raw, &j, func() (err error) {
		if d.Exceeded, err = actionsFromJSON(j.Exceeded, depth+1); err == nil {
			d.Extra, err = j.extra()
		}
		return err
	})
	return d, err
}

// fromJSON reads members strictly into j and goes on with f.
func fromJSON(raw json.RawMessage, j any, f func() error) error {
	if err := strictUnmarshal("members", raw, j); err != nil {
		return err
	}
	return f()
}
