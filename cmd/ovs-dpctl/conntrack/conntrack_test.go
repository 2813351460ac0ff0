// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ct "github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

func tuple(src, dst string, p ct.ProtoTuple) ct.Tuple {
	return ct.Tuple{IP: ct.IPTuple{SourceAddress: netip.MustParseAddr(src), DestinationAddress: netip.MustParseAddr(dst)}, Proto: p}
}

func flows() []ct.Flow {
	labels := make([]byte, 16)
	labels[0] = 3
	return []ct.Flow{
		{
			TupleOrig:  tuple("10.0.0.1", "10.0.0.2", ct.ProtoTuple{Protocol: unix.IPPROTO_ICMP, ICMPv4: true, ICMPID: 730, ICMPType: 8}),
			TupleReply: tuple("10.0.0.2", "10.0.0.1", ct.ProtoTuple{Protocol: unix.IPPROTO_ICMP, ICMPv4: true, ICMPID: 730}),
			ID:         902896478, Zone: 5, Status: 10, Timeout: 28, Mark: 7, Labels: labels,
		},
		{
			TupleOrig:  tuple("10.0.0.1", "10.0.0.2", ct.ProtoTuple{Protocol: unix.IPPROTO_TCP, SourcePort: 53862, DestinationPort: 80}),
			TupleReply: tuple("10.0.0.2", "10.0.0.1", ct.ProtoTuple{Protocol: unix.IPPROTO_TCP, SourcePort: 80, DestinationPort: 53862}),
			ID:         798360884, Status: 14 | 1<<20, Timeout: 431999, CountersOrig: ct.Counter{Packets: 5, Bytes: 300}, Helper: ct.Helper{Name: "ftp"},
			ProtoInfo: ct.ProtoInfo{TCP: &ct.ProtoInfoTCP{State: 2, OriginalWindowScale: 6, ReplyWindowScale: 7, OriginalFlags: 0x2bff, ReplyFlags: 0x2300}},
		},
		{
			TupleOrig:   tuple("fd00::1", "fd00::2", ct.ProtoTuple{Protocol: 47}),
			TupleReply:  tuple("fd00::2", "fd00::1", ct.ProtoTuple{Protocol: 47}),
			TupleMaster: tuple("fd00::3", "fd00::4", ct.ProtoTuple{Protocol: unix.IPPROTO_UDP, SourcePort: 1, DestinationPort: 2}),
		},
	}
}

// The lines of Open vSwitch's ovs-dpctl 3.5 about such connections.
func TestText(t *testing.T) {
	for _, tt := range []struct {
		o    TextOptions
		want string
	}{
		{TextOptions{}, `
icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=730,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=730,type=0,code=0),zone=5,mark=7,labels=0x3
tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=53862,dport=80),reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=53862),protoinfo=(state=ESTABLISHED),helper=ftp
47,orig=(src=fd00::1,dst=fd00::2),reply=(src=fd00::2,dst=fd00::1)
`},
		{TextOptions{Verbose: true, Stats: true}, `
icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=730,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=730,type=0,code=0),id=902896478,zone=5,status=SEEN_REPLY|CONFIRMED,timeout=28,mark=7,labels=0x3
tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=53862,dport=80,packets=5,bytes=300),reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=53862),id=798360884,status=SEEN_REPLY|ASSURED|CONFIRMED|0x100000,timeout=431999,protoinfo=(state_orig=SYN_RECV,state_reply=SYN_RECV,wscale_orig=6,wscale_reply=7,flags_orig=WINDOW_SCALE|SACK_PERM|BE_LIBERAL|MAXACK_SET,flags_reply=WINDOW_SCALE|SACK_PERM|MAXACK_SET),helper=ftp
47,orig=(src=fd00::1,dst=fd00::2),reply=(src=fd00::2,dst=fd00::1),id=0,status=,timeout=0,parent=(src=fd00::3,dst=fd00::4,sport=1,dport=2)
`},
	} {
		got := "\n"
		for _, f := range flows() {
			got += string(newEntry(f).AppendText(nil, tt.o)) + "\n"
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.o, d)
		}
	}
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(newEntry(flows()[1]))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"protocol":6,"orig":{"src":"10.0.0.1","dst":"10.0.0.2","sport":53862,"dport":80,"counters":{"packets":5,"bytes":300}},` +
		`"reply":{"src":"10.0.0.2","dst":"10.0.0.1","sport":80,"dport":53862},"id":798360884,"zone":0,"status":1048590,"timeout":431999,"mark":0,` +
		`"labels":"00000000000000000000000000000000","tcp":{"state":"SYN_RECV","wscale_orig":6,"wscale_reply":7,"flags_orig":43,"flags_reply":35},"helper":"ftp"}`
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestCriteria(t *testing.T) {
	for _, tt := range []struct {
		words string
		want  string // which of flows, by position
	}{
		{"", "012"},
		{"zone=5", "0"},
		{"zone=0", "12"},
		{"mark=7", "0"},
		{"mark=0xf7/0xf", "0"},
		{"mark=0/0x8", "012"},
		{"labels=0x3", "0"},
		{"labels=0/0x4", "012"},
		{"labels=0x100000000000000000000000000000000/1", "error"},
		{"ct_nw_src=10.0.0.1", "01"},
		{"ct_nw_src=10.0.0.1,ct_nw_proto=6,ct_tp_dst=80", "1"},
		{"ct_nw_src=10.0.0.1 ct_tp_src=80", "1"},
		{"ct_tp_dst=81", ""},
		{"ct_ipv6_dst=fd00::2", "2"},
		{"icmp_type=8,icmp_code=0,icmp_id=730", "0"},
		{"icmp_type=0", ""},
		{"icmp_type=8 icmp_type=0", "0"},
		{"zone=5 ct_nw_proto=6", ""},
		{"zone=70000", "error"},
		{"mark=x", "error"},
		{"mark=1/x", "error"},
		{"ct_nw_src=fd00::1", "error"},
		{"ct_ipv6_src=10.0.0.1", "error"},
		{"foo=1", "error"},
		{"ct_nw_proto=6 ct_nw_proto=6 ct_nw_proto=6", "error"},
	} {
		t.Run(tt.words, func(t *testing.T) {
			var c Criteria
			for w := range strings.FieldsSeq(tt.words) {
				if err := c.Parse(w); err != nil {
					if tt.want != "error" {
						t.Error(err)
					}
					return
				}
			}
			got := ""
			for i, f := range flows() {
				if c.Match(newEntry(f)) {
					got += string(rune('0' + i))
				}
			}
			if got != tt.want || c.All() != (tt.words == "") {
				t.Errorf("picked %q, want %q; all: %t", got, tt.want, c.All())
			}
		})
	}
}

func FuzzCriteria(f *testing.F) {
	for _, s := range []string{"zone=5", "mark=1/2", "labels=0x3/0xff", "ct_nw_src=10.0.0.1,ct_nw_proto=6", "icmp_id=1"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, word string) {
		var c Criteria
		if c.Parse(word) == nil {
			for _, flow := range flows() {
				c.Match(newEntry(flow))
			}
		}
	})
}
