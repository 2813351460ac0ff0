// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// TestUsage checks command lines that fail before any kernel is asked.
func TestUsage(t *testing.T) {
	tests := []struct {
		args string // words separated by blanks
		want string // in the one line on stderr
	}{
		{"", "a command is missing"},
		{"frob", `unknown command "frob"`},
		{"add-dp", "requires at least 1 arg"},
		{"add-dp netdev@dp0", "a user-space datapath is inside ovs-vswitchd"},
		{"add-dp foo@dp0", "want NAME or system@NAME"},
		{"add-dp system@", "the name is empty"},
		{"add-if dp0", "requires at least 2 arg"},
		{"add-if dp0 v1,type=tulip", `port type "tulip": want netdev, internal, vxlan`},
		{"add-if dp0 v1,type=gre,dst_port=5", "dst_port= is for vxlan and geneve"},
		{"add-if dp0 v1,type=vxlan,dst_port=0", "dst_port=0: want a number from 1 to 65535"},
		{"add-if dp0 v1,type=geneve,exts=gbp", "exts=gbp is for vxlan"},
		{"add-if dp0 v1,remote_ip=1.2.3.4", `no option "remote_ip=1.2.3.4"`},
		{"set-if dp0", "requires at least 2 arg"},
		{"set-if dp0 v1,type=tulip", `port type "tulip"`},
		{"get-flow", "accepts between 1 and 2 arg"},
		{"get-flow dp0 ufid:5x", "want a UUID"},
		{"get-flow dp0 foo()", `unknown key "foo"`},
		{"del-flow dp0 in_port(1),foo()", `column 12: unknown key "foo"`},
		{"mod-flow in_port(1) foo()", "column 1"},
		{"dump-flows type=foo", `no type "foo" (there are all, ovs, tc`},
		{"dump-flows pmd=1", "only a userspace datapath has such threads"},
		{"dump-flows filter=foo", `unknown field "foo"`},
		{"cache-set-size dp0 foo 5", `cache "foo": the kernel's datapath has only masks-cache`},
		{"cache-set-size dp0 masks-cache x", `size "x": want a number`},
		{"cache-set-size dp0 masks-cache 4294967295", "want a number"},
		{"add-meter dp0 rate=5", `"rate=5": want meter=N, kbps, pktps`},
		{"add-meter dp0 kbps,band=type=drop,rate=5", "meter=N is missing"},
		{"add-meter dp0 meter=1", "a band is missing"},
		{"add-meter dp0 meter=1,band=type=drop", "band 0: rate= is missing"},
		{"add-meter dp0 meter=1,band=type=dscp_remark,rate=1", "bands of type drop only"},
		{"mod-meter dp0 meter=1,kbps,pktps,band=type=drop,rate=1", "kbps or pktps twice"},
		{"del-meter dp0 foo", `meter "foo": want meter=N`},
		{"dump-meters dp0 meter=3-1", "meter=3-1: want numbers and spans"},
		{"dump-meters dp0 dp1", `"dp1": want meter=N`},
		{"ct-set-limits dp0 zone=5", `"zone=5": want default=L or zone=N,limit=L`},
		{"ct-set-limits zone=70000,limit=5", `zone "70000"`},
		{"ct-set-limits default=x", "the limit is no number"},
		{"ct-del-limits dp0", "which limit?"},
		{"ct-get-limits foo=1", `"foo=1": want default or zone=N`},
		{"dump-conntrack dp0 foo=1", `"foo=1": want zone=`},
		{"flush-conntrack zone=x", `"zone=x": want a number of 16 bits`},
		{"upcalls", "requires at least 1 arg"},
		{"monitor -c x", "invalid argument"},
		{"show --timeout x", "invalid argument"},
		{"add-if dp0 v1,port_no=x", "port_no=x: want a number from 1 to 65534"},
		{"add-if dp0 v1,port_no=65535", "want a number from 1 to 65534"},
		{"add-if dp0 ,port_no=1", `port ",port_no=1": the name is empty`},
		{"add-if dp0 v1,foo=1", `no option "foo=1"`},
		{"add-flow dp0 in_port(1) psample(group=1,cookie=xyz)", "actions: column 24: psample: cookie: 'x' is no hex digit"},
		{"add-flow dp0 in_port(1),foo() drop", `flow: column 12: unknown key "foo"`},
		{"add-flow dp0 in_port(1) sample(sample=150%,actions(1))", "more than 100%"},
		{"dump-flows a b", "accepts at most 1 datapath"},
		{"dump-flows --names --no-names", "none of the others can be"},
		{"show --frob", "unknown flag: --frob"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			rc := cli.Run(t.Context(), newCommand(), strings.Fields(tt.args), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			if rc != cli.ExitUsage {
				t.Errorf("exit status %d, want %d", rc, cli.ExitUsage)
			}
			if out.Len() > 0 {
				t.Errorf("standard output: %s", &out)
			}
			line := errs.String()
			if !strings.HasPrefix(line, "ovs-dpctl: ") || strings.Count(line, "\n") != 1 || !strings.Contains(line, tt.want) {
				t.Errorf("standard error: %q, want one line with %q", line, tt.want)
			}
		})
	}
}

func TestNetNSGone(t *testing.T) {
	var out, errs bytes.Buffer
	rc := cli.Run(t.Context(), newCommand(), []string{"-N", "no-such-namespace", "show"}, cli.Streams{Out: &out, Err: &errs})
	if rc != cli.ExitFailed || !strings.Contains(errs.String(), `network namespace "no-such-namespace"`) {
		t.Errorf("exit status %d, %s", rc, &errs)
	}
}

func TestParsePorts(t *testing.T) {
	got, err := parsePorts([]string{"v1", "i0,type=internal,port_no=7", "v2,type=system"}, ovs.VportNetdev)
	if err != nil {
		t.Fatal(err)
	}
	want := []ovs.VportConfig{
		{Name: "v1", Type: ovs.VportNetdev},
		{Name: "i0", Type: ovs.VportInternal, PortNo: 7},
		{Name: "v2", Type: ovs.VportNetdev},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestShowText(t *testing.T) {
	size := uint32(256)
	item := datapathItem{
		Datapath: ovs.Datapath{
			Name: "br", Stats: ovs.DatapathStats{Hit: 3, Missed: 6, Lost: 6, Flows: 2},
			MegaflowStats: &ovs.MegaflowStats{MaskHit: 15, Masks: 2, CacheHit: 3}, MasksCacheSize: &size,
		},
		Ports: []ovs.Vport{
			{PortNo: 0, Name: "br", Type: ovs.VportInternal},
			{PortNo: 1, Name: "c0", Type: ovs.VportNetdev, Stats: ovs.VportStats{RxPackets: 5, RxBytes: 1 << 20, TxBytes: 1023},
				UpcallStats: &ovs.UpcallStats{Success: 4, Fail: 1}},
		},
	}
	const want = `system@br:
  lookups: hit:3 missed:6 lost:6
  flows: 2
  masks: hit:15 total:2 hit/pkt:1.67
  cache: hit:3 hit-rate:33.33%
  caches:
    masks-cache: size:256
  port 0: br (internal)
  port 1: c0
`
	var b bytes.Buffer
	item.print(&b, false, nil)
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	b.Reset()
	printPort(&b, item.Ports[1], true, nil)
	const wantPort = `  port 1: c0
    RX packets:5 errors:0 dropped:0 overruns:? frame:?
    TX packets:0 errors:0 dropped:0 aborted:? carrier:?
    collisions:?
    RX bytes:1048576 (1.0 MiB)  TX bytes:1023
    UPCALL packets:4 errors:1
`
	if d := cmp.Diff(wantPort, b.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestFlowText(t *testing.T) {
	ufid, match, err := odp.ParseFlow("ufid:b028cc99-9bd1-4d6e-9217-0000566bbcc4,recirc_id(0),in_port(1),eth(),eth_type(0x0800)", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := ovs.Flow{
		UFID: ufid, Match: match, Packets: 3, Bytes: 126, UsedMS: 5000, TCPFlags: 0x12,
		Actions: odp.Actions{odp.Trunc{MaxLen: 14}, odp.Psample{Group: 7, Cookie: []byte{0xc0, 0xff}}, odp.Output{Port: 2}},
	}
	tests := []struct {
		o    odp.TextOptions
		now  uint64
		want string
	}{
		{odp.TextOptions{}, 6022, "recirc_id(0),in_port(1),eth(),eth_type(0x0800), packets:3, bytes:126, used:1.022s, flags:S., actions:trunc(14),psample(group=7,cookie=0xc0ff),2"},
		{odp.TextOptions{}, 4000, "recirc_id(0),in_port(1),eth(),eth_type(0x0800), packets:3, bytes:126, used:0.000s, flags:S., actions:trunc(14),psample(group=7,cookie=0xc0ff),2"},
		{odp.TextOptions{Verbose: true, Names: odp.PortNames{1: "v1", 2: "v2"}}, 5000, "ufid:b028cc99-9bd1-4d6e-9217-0000566bbcc4, recirc_id(0),in_port(v1)," +
			"eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800), packets:3, bytes:126, used:0.000s, flags:S., dp:ovs, actions:trunc(14),psample(group=7,cookie=0xc0ff),v2"},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, string(appendFlow(nil, f, tt.o, tt.now))); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	f.UsedMS, f.TCPFlags, f.Actions = 0, 0, nil
	if got := string(appendFlow(nil, f, odp.TextOptions{}, 9)); !strings.HasSuffix(got, ", used:never, actions:drop") {
		t.Errorf("got %s", got)
	}
}

// A datapath without ports and a flow that drops are lists in JSON, not null.
func TestJSONLists(t *testing.T) {
	for _, v := range []any{
		datapathItem{Ports: []ovs.Vport{}},
		flowItem{},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "null") {
			t.Errorf("null in %s", b)
		}
	}
}
