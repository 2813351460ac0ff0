// SPDX-License-Identifier: Apache-2.0

package hexstr

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]Bytes{`""`: {}, `"00ff"`: {0, 0xff}, `"C0ffEE"`: {0xc0, 0xff, 0xee}} {
		var b Bytes
		if err := json.Unmarshal([]byte(text), &b); err != nil || b == nil || string(b) != string(want) {
			t.Errorf("%s reads as %#v, %v", text, b, err)
		}
		if out, err := json.Marshal(b); err != nil || string(out) != strings.ToLower(text) {
			t.Errorf("%s writes as %s, %v", text, out, err)
		}
	}
	for _, text := range []string{`"0"`, `"0x00"`, `"xy"`, `"00 ff"`, `7`} {
		b := Bytes{1}
		if err := json.Unmarshal([]byte(text), &b); err == nil || string(b) != "\x01" {
			t.Errorf("%s reads as %v, %v", text, b, err)
		} else if strings.Contains(err.Error(), "encoding/hex") {
			t.Errorf("%s: %v shows a package", text, err)
		}
	}
	if out, err := json.Marshal([]Bytes{nil}); err != nil || string(out) != `[""]` {
		t.Errorf("nil writes as %s, %v", out, err)
	}
}
