// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// TestHostile: as much as a message holds, made to be slow, is dealt with in
// moments. The time is far beyond what any machine needs unless the cost grows
// with the square of the size, and there it is minutes.
func TestHostile(t *testing.T) {
	var many, keys []byte
	for i := range 16000 {
		many = nl.AppendAttr(many, uint16(100+i), nil)
		keys = nl.AppendAttr(keys, uint16(100+i), nil)
	}
	ct := nl.AppendAttr(nil, uapi.OVS_ACTION_ATTR_CT|nl.NestedFlag, append(many, attr(uapi.OVS_CT_ATTR_COMMIT)...))
	deep := attr(uapi.OVS_ACTION_ATTR_OUTPUT, u32(1)...)
	for len(deep) < 60000 {
		deep = nest(uapi.OVS_ACTION_ATTR_CLONE, deep)
	}
	start := time.Now()
	for name, b := range map[string][]byte{"unknown attributes": ct, "depth": deep} {
		as, err := odp.DecodeActions(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// Not with diff, which is slow itself.
		j, err := json.Marshal(as)
		var fromJSON odp.Actions
		if err != nil || json.Unmarshal(j, &fromJSON) != nil {
			t.Fatalf("%s: JSON: %v", name, err)
		}
		fromText, err := odp.ParseActions(string(as.AppendText(nil, lossless)), nil)
		if err != nil {
			t.Fatalf("%s: %.300v", name, err)
		}
		for what, as := range map[string]odp.Actions{"netlink": as, "JSON": fromJSON, "text": fromText} {
			if again, err := as.AppendNetlink(nil); err != nil || !bytes.Equal(b, again) {
				t.Errorf("%s changes by way of %s: %v", name, what, err)
			}
		}
	}
	m, err := odp.DecodeMatch(keys, keys)
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(m)
	var fromJSON odp.Match
	if err != nil || json.Unmarshal(j, &fromJSON) != nil || !fromJSON.Equal(m) {
		t.Errorf("keys change by way of JSON: %v", err)
	}
	if _, fromText, err := odp.ParseFlow(string(m.AppendText(nil, lossless)), nil); err != nil || !fromText.Equal(m) {
		t.Errorf("keys change by way of text: %v", err)
	}
	for _, s := range []string{
		strings.Repeat("encap(", 200000), strings.Repeat("clone(", 200000), strings.Repeat("tunnel(geneve({", 70000),
		"ct_label(0x" + strings.Repeat("1", 1<<20), "psample(group=1,cookie=" + strings.Repeat("1", 1<<20),
		"tunnel(geneve(" + strings.Repeat("{class=1,type=2,len=124}", 40000), "userspace(pid=1,userdata(" + strings.Repeat("00", 1<<19),
		strings.Repeat("1,", 1<<19), strings.Repeat("in_port(1),", 90000), strings.Repeat("{", 1<<20), strings.Repeat("a|", 1<<19),
	} {
		if _, _, err := odp.ParseFlow(s, nil); err == nil || len(err.Error()) > 400 {
			t.Errorf("%.20s...: %v", s, err)
		}
		for _, d := range []odp.Dialect{odp.OVS, odp.Kselftest} {
			if _, err := (odp.ParseOptions{Dialect: d}).Actions(s); err == nil || len(err.Error()) > 400 {
				t.Errorf("%.20s...: %v", s, err)
			}
		}
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("took %v", d)
	}
}
