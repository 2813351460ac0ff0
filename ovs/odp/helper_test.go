// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp"
)

var lossless = odp.TextOptions{Lossless: true}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// diff compares keys and actions.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}))
}

// checkMatch asserts that a match survives netlink, JSON and lossless text.
func checkMatch(t testing.TB, m odp.Match) {
	t.Helper()
	if d := diff(m, reDecode(t, m)); d != "" {
		t.Errorf("netlink round trip (-want +got):\n%s", d)
	}
	checkMatchJSON(t, m)
	checkMatchText(t, m)
}

func reDecode(t testing.TB, m odp.Match) odp.Match {
	t.Helper()
	key, err := m.AppendKey([]byte{})
	if err != nil {
		t.Fatal(err)
	}
	var mask []byte
	if !m.Exact {
		if mask, err = m.AppendMask([]byte{}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := odp.DecodeMatch(key, mask)
	if err != nil {
		t.Fatalf("own encoding of %s is refused: %v", m, err)
	}
	return got
}

// checkMatchJSON asserts that JSON gives back the same match, in the same order.
func checkMatchJSON(t testing.TB, m odp.Match) {
	t.Helper()
	j, err := json.Marshal(m)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	var got odp.Match
	if err := json.Unmarshal(j, &got); err != nil {
		t.Fatalf("own JSON %s is refused: %v", j, err)
	}
	if d := diff(m, got); d != "" || !m.Equal(got) {
		t.Errorf("JSON round trip of %s (-want +got):\n%s", j, d)
	}
}

// checkMatchText asserts that lossless text says all there is to say: reading it
// gives the same match.
func checkMatchText(t testing.TB, m odp.Match) {
	t.Helper()
	if len(m.Fields) == 0 {
		return
	}
	text := string(m.AppendText(nil, lossless))
	_, got, err := odp.ParseFlow(text, nil)
	if err != nil {
		t.Fatalf("own text %s is refused: %v", text, err)
	}
	if again := string(got.AppendText(nil, lossless)); again != text {
		t.Errorf("text changes from\n%s to\n%s", text, again)
	}
	if d := diff(m, got); d != "" {
		t.Errorf("text round trip of %s (-want +got):\n%s", text, d)
	}
}

// checkActions asserts that actions survive netlink, JSON and lossless text.
func checkActions(t testing.TB, as odp.Actions) {
	t.Helper()
	b, err := as.AppendNetlink(nil)
	if _, only := errors.AsType[*odp.UserspaceError](err); !only {
		if err != nil {
			t.Fatalf("encode %s: %v", as, err)
		}
		got, err := odp.DecodeActions(b)
		if err != nil {
			t.Fatalf("decode %s: %v", as, err)
		}
		if d := diff(as, got); d != "" {
			t.Errorf("netlink round trip (-want +got):\n%s", d)
		}
	}
	checkActionsJSON(t, as)
	if len(b) < nl.MaxAttrPayload { // text gives no more than an attribute holds
		checkActionsText(t, as)
	}
}

func checkActionsJSON(t testing.TB, as odp.Actions) {
	t.Helper()
	j, err := json.Marshal(as)
	if err != nil {
		t.Fatalf("marshal %s: %v", as, err)
	}
	var got odp.Actions
	if err := json.Unmarshal(j, &got); err != nil {
		t.Fatalf("own JSON %s is refused: %v", j, err)
	}
	if d := diff(as, got); d != "" {
		t.Errorf("JSON round trip of %s (-want +got):\n%s", j, d)
	}
}

func checkActionsText(t testing.TB, as odp.Actions) {
	t.Helper()
	text := string(as.AppendText(nil, lossless))
	got, err := odp.ParseActions(text, nil)
	if err != nil {
		t.Fatalf("own text %s is refused: %v", text, err)
	}
	if again := string(got.AppendText(nil, lossless)); again != text {
		t.Errorf("text changes from\n%s to\n%s", text, again)
	}
	if d := diff(as, got); d != "" {
		t.Errorf("text round trip of %s (-want +got):\n%s", text, d)
	}
}
