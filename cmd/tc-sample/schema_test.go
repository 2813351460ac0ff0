// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/tc"
)

func TestListFollowsTheSchema(t *testing.T) {
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", "tc-samples.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	const most = 1<<32 - 1
	for name, list := range map[string][]tc.SampleFilter{
		"none": nil,
		"zero": {{Dev: "eth0", IfIndex: 1}},
		"full": {{
			Dev: "eth0", IfIndex: most, Direction: tc.Egress, Pref: 65535, Handle: most, Chain: most, Block: most,
			Rate: most, Group: most, Trunc: most, Truncated: true, Cookie: make([]byte, 16),
			ActionIndex: most, ControlAction: "goto chain 5", Owned: true,
			Stats:   tc.Stats{Packets: 1<<64 - 1, Bytes: 1<<64 - 1, Drops: most, Overlimits: most, Requeues: most},
			Unknown: []tc.Unknown{{Path: "TCA_OPTIONS", Type: 99, Hex: []byte{1}}, {}},
		}},
	} {
		var b bytes.Buffer
		if err := cli.PrintList(&b, listSchema, list, false); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(b.Bytes()); err != nil {
			t.Errorf("%s: %v in %s", name, err, &b)
		}
	}
	// What this machine has, whatever that is.
	code, out, _ := run(t, "list", "-j")
	if code != 0 {
		t.Fatalf("list -j: status %d", code)
	}
	if err := s.Check([]byte(out)); err != nil {
		t.Errorf("%v in %s", err, out)
	}
}
