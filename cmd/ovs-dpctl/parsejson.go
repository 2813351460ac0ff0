// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/dpscope/dpscope/ovs/odp"
)

// odpVersion is the "v" of the records parse-flow and parse-actions print, see
// docs/schema/ovs-odp.schema.json.
const odpVersion = 1

// odpRecord is one line of JSON.
type odpRecord struct {
	Type    string       `json:"type"`
	V       int          `json:"v"`
	UFID    odp.UFID     `json:"ufid,omitempty"`
	Match   *odp.Match   `json:"match,omitempty"`
	Actions *odp.Actions `json:"actions,omitempty"`
}

func appendFlowJSON(b []byte, ufid odp.UFID, m odp.Match) ([]byte, error) {
	return appendRecord(b, odpRecord{Type: "flow", V: odpVersion, UFID: ufid, Match: &m})
}

func appendActionsJSON(b []byte, as odp.Actions) ([]byte, error) {
	if as == nil {
		as = odp.Actions{}
	}
	return appendRecord(b, odpRecord{Type: "actions", V: odpVersion, Actions: &as})
}

func appendRecord(b []byte, r odpRecord) ([]byte, error) {
	j, err := json.Marshal(r)
	return append(b, j...), err
}

// recordFromJSON reads one record, and nothing behind it.
func recordFromJSON(line []byte, typ string) (r odpRecord, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("JSON: %w", err)
	}
	switch _, err := d.Token(); {
	case err != io.EOF:
		return r, fmt.Errorf("JSON: more than one value")
	case r.Type != typ:
		return r, fmt.Errorf(`JSON: "type" is %q, want %q`, r.Type, typ)
	case r.V != odpVersion:
		return r, fmt.Errorf(`JSON: "v" is %d, want %d`, r.V, odpVersion)
	}
	return r, nil
}

func flowFromJSON(line []byte) (odp.UFID, odp.Match, error) {
	r, err := recordFromJSON(line, "flow")
	switch {
	case err != nil:
		return nil, odp.Match{}, err
	case r.Match == nil || r.Actions != nil:
		return nil, odp.Match{}, fmt.Errorf(`JSON: a flow has a "match" and no "actions"`)
	}
	return r.UFID, *r.Match, nil
}

func actionsFromJSON(line []byte) (odp.Actions, error) {
	r, err := recordFromJSON(line, "actions")
	switch {
	case err != nil:
		return nil, err
	case r.Actions == nil || r.Match != nil || r.UFID != nil:
		return nil, fmt.Errorf(`JSON: want "actions" alone`)
	}
	return *r.Actions, nil
}
