// SPDX-License-Identifier: Apache-2.0

package odpdiff

import "testing"

// TestSpellings is what hands write and neither tool prints: both must read it
// as the same, in netlink.
func TestSpellings(t *testing.T) {
	o := newTool(t)
	f := &failures{T: t}
	var texts []text
	for _, flow := range []string{
		"in_port(1),eth(),eth_type(0x800),ipv4()",
		"in_port(1/0xff),eth(dst=01:00:00:00:00:00/01:00:00:00:00:00)",
		"recirc_id(0),in_port(0x10),skb_mark(0x10/16)",
		"eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,frag=no),tcp(dst=80/0xfff0),tcp_flags(syn|ack)",
		"tcp_flags(+syn-ack)", "tcp_flags(0x12/0x3f)", "tcp_flags(0)",
		"ct_state(+trk+est-new),ct_zone(5),ct_mark(1/3),ct_label(1)", "ct_state(0x21/0x21)", "ct_label(0x10/0xff)",
		"ct_tuple4(src=1.2.3.4,dst=5.6.7.8,proto=6,tp_src=5,tp_dst=6)",
		"ct_tuple6(src=::1,dst=::2,proto=17,tp_src=5,tp_dst=6)", "ct_tuple6(proto=17/0xf)",
		"eth_type(0x86dd),ipv6(src=fe80::/ffff::,label=0x5/0xff,frag=first),icmpv6(type=135,code=0),nd(target=fe80::1)",
		"eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800),ipv4(proto=17),udp(src=5))", "vlan(vid=5,pcp=1,cfi=0)",
		"eth_type(0x8847),mpls(label=5,tc=1,ttl=2,bos=1)",
		"tunnel(tun_id=5,src=1.1.1.1,dst=2.2.2.2,ttl=64,flags(df|key))", "tunnel(tun_id=0x5/0xff,flags(+csum-df))",
		"tunnel(dst=2.2.2.2,geneve({class=0x102,type=3,len=4,0x1/0xff}{class=1,type=2,len=0}))", "tunnel(geneve())",
		"tunnel(vxlan(gbp(id=7,flags=0x8)))", "tunnel(erspan(ver=1,idx=0x7))", "tunnel(erspan(ver=2,dir=1,hwid=0x7))",
	} {
		texts = append(texts, text{flow, "1"})
	}
	for _, actions := range []string{
		"recirc(5)", "1,2,3", "1 2,3", "meter(7),trunc(100),2", "ct_clear,pop_vlan,pop_nsh()",
		"push_vlan(vid=5,pcp=0)", "push_vlan(tpid=0x88a8,vid=5,pcp=3,cfi=0)",
		"ct", "ct(commit)", "ct(commit,zone=5,mark=1/3,label=0x5/0xff,helper=ftp,nat(src=10.0.0.1-10.0.0.9:5-6,random))",
		"ct(nat)", "ct(force_commit,nat(dst=::1,hash,persistent))", "ct(nat(src=[::1]-[::5]:7))", "ct(timeout=tp1)",
		"sample(sample=50%,actions(1))", "sample(sample=12.5%,actions(clone(2),3))", "clone(1)",
		"check_pkt_len(size=100,gt(1),le(2))", "psample(group=5)", "psample(group=5,cookie=0x1234)",
		"userspace(pid=5,userdata(0102030405060708))", "userspace(pid=5,userdata(0102030405060708),actions,tunnel_out_port=3)",
		"userspace(pid=5,controller(reason=1,dont_send=0,continuation=1,recirc_id=4444,rule_cookie=0x5555,controller_id=0,max_len=65535))",
		"set(ipv4(ttl=5))", "set(ipv4(src=1.2.3.4,dst=5.6.7.8,proto=6,tos=0,ttl=5,frag=no))", "set(eth(src=02:00:00:00:00:01))",
		"set(skb_mark(5/7)),set(skb_priority(3))", "set(udp(src=5,dst=6)),set(tcp(src=5))",
		"set(tunnel(tun_id=0x5,src=1.1.1.1,dst=2.2.2.2,ttl=64,tp_dst=4789,flags(df|key)))",
		"set(ct_state(-new-est-rel-rpl-inv-trk-snat-dnat))",
		"push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x123,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0x4)", "push_nsh(flags=0,ttl=63,mdtype=2,np=1,spi=0x5,si=1,md2=0x12345678)", "push_nsh(flags=0,ttl=63,mdtype=2,np=1,spi=0x5,si=1,md2=0x123456)",
		"add_mpls(label=5,tc=1,ttl=2,bos=1,eth_type=0x8847)",
	} {
		texts = append(texts, text{"in_port(1)", actions})
	}
	for i, g := range o.read(texts) {
		compareRead(f, texts[i], sample{}, g, false)
	}
}
