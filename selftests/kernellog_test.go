// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKmsg(t *testing.T) {
	for _, tt := range []struct {
		record, text string
		ok           bool
	}{
		{"4,1234,5678901,-;WARNING: CPU: 0 PID: 7 at net/psample/psample.c:1\n SUBSYSTEM=x\n DEVICE=y\n", "WARNING: CPU: 0 PID: 7 at net/psample/psample.c:1", true},
		{"6,1,2,-,caller=T1;a;b\n", "a;b", true},
		{"12,1,2,-;WARNING: from systemd\n", "", false}, // facility 1: user
		{"x,1,2,-;text\n", "", false},
		{"no separator\n", "", false},
		{"", "", false},
	} {
		text, ok := ParseKmsg(tt.record)
		if text != tt.text || ok != tt.ok {
			t.Errorf("%q: %q, %v", tt.record, text, ok)
		}
	}
}

func TestAlarming(t *testing.T) {
	quiet := []string{
		"device veth0 entered promiscuous mode",
		"openvswitch: netlink: Flow actions may not be safe on all matching packets.",
		"IPv6: ADDRCONF(NETDEV_CHANGE): veth0: link becomes ready",
	}
	loud := []string{
		"WARNING: CPU: 1 PID: 33 at lib/refcount.c:28 refcount_warn_saturate+0x8c/0x110",
		"refcount_t: underflow; use-after-free.",
		"WARNING: suspicious RCU usage",
		"BUG: kernel NULL pointer dereference, address: 0000000000000008",
		"Oops: 0000 [#1] PREEMPT SMP",
		"RIP: 0010:psample_sample_packet+0x1/0x2 [psample]",
		"RIP: 0033:[<000000006004b2a1>]",
		"unregister_netdevice: waiting for veth0 to become free. Usage count = 2",
	}
	if d := cmp.Diff(loud, Alarming(append(append([]string{}, quiet...), loud...))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func FuzzParseKmsg(f *testing.F) {
	f.Add("4,1234,5678901,-;WARNING: text\n SUBSYSTEM=x\n")
	f.Add(";")
	f.Fuzz(func(t *testing.T, record string) {
		if text, ok := ParseKmsg(record); strings.Contains(text, "\n") || !ok && text != "" {
			t.Errorf("%q: %q, %v", record, text, ok)
		}
	})
}
