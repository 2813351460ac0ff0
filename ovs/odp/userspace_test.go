// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"errors"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
)

// TestUserspaceOnly: what only the userspace datapath has is read and printed,
// and named when the kernel is to have it.
func TestUserspaceOnly(t *testing.T) {
	for text, want := range map[string]string{
		"in_port(1),packet_type(ns=1,id=0x800)":                "packet_type",
		"encap(eth_type(0x0800),nd_ext(nd_options_type=1))":    "nd_ext",
		"tunnel(dst=1.1.1.1,gtpu(flags=0x30,msgtype=255))":     "gtpu",
		"encap(tunnel(dst=1.1.1.1,gtpu(flags=0x30)))":          "gtpu",
		"tunnel(dst=1.1.1.1,unknown(16,hex=))":                 "", // the kernel's ipv4_info_bridge
		"tunnel(dst=1.1.1.1,unknown(16,hex=none/ff00))":        "gtpu",
		"in_port(1),unknown(29,hex=00)":                        "packet_type",
		"in_port(1),eth_type(0x0800),ipv6_exthdrs(0x5/0xffff)": "",
	} {
		_, m, err := odp.ParseFlow(text, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		checkUserspace(t, text, m.CheckKernel(), want)
		checkMatch(t, m)
	}
	for text, want := range map[string]string{
		"lb_output(1)": "lb_output",
		"1,tnl_pop(2)": "tnl_pop",
		"clone(sample(sample=1%,actions(tnl_pop(2))))": "tnl_pop",
		"check_pkt_len(size=1,gt(1),le(lb_output(1)))": "lb_output",
		"dec_ttl(le_1(tnl_pop(3)))":                    "tnl_pop",
		"set(packet_type(ns=1))":                       "packet_type",
		"set(tunnel(gtpu(flags=1)))":                   "gtpu",
		"set(nd_ext(nd_options_type=1))":               "nd_ext",
		"1,set(ipv4(ttl=1)),ct(commit)":                "",
	} {
		as, err := odp.ParseActions(text, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		checkUserspace(t, text, as.CheckKernel(), want)
		checkActions(t, as)
	}
	if _, err := (odp.Actions{odp.Clone{Actions: odp.Actions{odp.LBOutput{}}}}).AppendNetlink(nil); err == nil {
		t.Error("lb_output has no number to be encoded with")
	}
}

func checkUserspace(t *testing.T, text string, err error, want string) {
	t.Helper()
	only, ok := errors.AsType[*odp.UserspaceError](err)
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", text, err)
	case want != "" && (!ok || only.Name != want || only.Reason == ""):
		t.Errorf("%s: %v, want one about %s", text, err, want)
	}
}

// TestTnlPush: headers are taken apart by the kind of tunnel they are for.
func TestTnlPush(t *testing.T) {
	const outer = "eth(dst=02:00:00:00:00:02,src=02:00:00:00:00:01,dl_type=0x0800),ipv4(src=1.1.1.1,dst=2.2.2.2,proto=17,tos=0,ttl=64,frag=0x4000)"
	for _, text := range []string{
		"tnl_push(tnl_port(4),header(size=50,type=4," + outer + ",udp(src=0,dst=4789,csum=0x0),vxlan(flags=0x8000000,vni=0x1c7)),out_port(1))",
		"tnl_push(tnl_port(4),header(size=58,type=5," + outer + ",udp(src=0,dst=6081,csum=0x0),geneve(oam,vni=0x1c7,options({class=0xffff,type=0x80,len=4,0xa}))),out_port(1))",
		"tnl_push(tnl_port(4),header(size=42,type=3," + outer + ",gre((flags=0x2000,proto=0x6558),key=0x1e241)),out_port(1))",
		// What no kind of tunnel has.
		"tnl_push(tnl_port(4),header(size=15,type=99,hex=0102030405060708090a0b0c0d0e0f),out_port(1))",
	} {
		as, err := odp.ParseActions(text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(as.AppendText(nil, lossless)); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
		checkActions(t, as)
	}
}
