// SPDX-License-Identifier: Apache-2.0

package odpdiff

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// plausible makes flows as a kernel may well take them: keys that belong
// together, actions for packets that have these keys. Some are refused all the
// same. They are written as hands would write them.
type plausible struct{ r *rand.Rand }

func (p plausible) one(n int) bool { return p.r.IntN(n) == 0 }

func (p plausible) mac() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", p.r.IntN(256), p.r.IntN(256), p.r.IntN(256), p.r.IntN(256), p.r.IntN(256), p.r.IntN(256))
}

func (p plausible) ip4() string {
	return fmt.Sprintf("%d.%d.%d.%d", 1+p.r.IntN(222), p.r.IntN(256), p.r.IntN(256), p.r.IntN(256))
}

func (p plausible) ip6() string {
	return fmt.Sprintf("2001:db8:%x::%x", p.r.IntN(65536), 1+p.r.IntN(65535))
}

// number is a value below 1<<bits, sometimes with a mask.
func (p plausible) number(bits int, masks bool) string {
	v := p.r.Uint64() & (1<<bits - 1)
	if !masks || p.one(2) {
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprintf("%#x/%#x", v, p.r.Uint64()&(1<<bits-1))
}

// some keeps each word with even odds.
func (p plausible) some(words ...string) string {
	var kept []string
	for _, w := range words {
		if p.one(2) {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, ",")
}

func (p plausible) masked(addr, mask string) string {
	if p.one(2) {
		return addr
	}
	return addr + "/" + mask
}

// layers is what a flow's packets are.
type layers struct {
	ip    int // 4, 6 or 0
	proto string
}

func (p plausible) flow() (string, layers) {
	var words []string
	add := func(odds int, format string, args ...any) {
		if p.one(odds) {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(4, "skb_priority(%s)", p.number(32, true))
	add(4, "skb_mark(%s)", p.number(32, true))
	add(4, "recirc_id(%s)", p.number(32, false))
	add(6, "dp_hash(%s)", p.number(32, true))
	add(4, "ct_state(%s)", p.number(8, true))
	add(5, "ct_zone(%s)", p.number(16, true))
	add(5, "ct_mark(%s)", p.number(32, true))
	add(5, "ct_label(%s)", p.number(60, true))
	if p.one(3) {
		words = append(words, p.tunnel())
	}
	words = append(words, fmt.Sprintf("in_port(%d)", p.r.IntN(4)))
	eth := p.some("src="+p.masked(p.mac(), "ff:ff:ff:00:00:00"), "dst="+p.masked(p.mac(), "01:00:00:00:00:00"))
	words = append(words, "eth("+eth+")")
	inner, l := p.network()
	for tags := p.r.IntN(6) - 3; tags > 0; tags-- {
		vlan := "vlan(" + strings.TrimSuffix("vid="+p.number(12, true)+","+p.some("pcp="+p.number(3, true)), ",") + ")"
		inner = fmt.Sprintf("eth_type(%s),%s,encap(%s)", []string{"0x8100", "0x88a8"}[p.r.IntN(2)], vlan, inner)
	}
	if l.ip == 4 {
		add(6, "ct_tuple4(%s)", p.some("src="+p.ip4(), "dst="+p.masked(p.ip4(), "255.0.0.0"), "proto=6", "tp_src="+p.number(16, true)))
	}
	return strings.Join(append(words, inner), ","), l
}

func (p plausible) tunnel() string {
	addrs := []string{"src=" + p.masked(p.ip4(), "255.255.0.0") + ",dst=" + p.ip4(),
		"ipv6_src=" + p.ip6() + ",ipv6_dst=" + p.masked(p.ip6(), "ffff:ffff::")}[p.r.IntN(2)]
	words := []string{"tun_id=" + p.number(60, true), addrs, "ttl=" + p.number(8, true)}
	if s := p.some("tos="+p.number(8, true), "tp_src="+p.number(16, true), "tp_dst="+p.number(16, true)); s != "" {
		words = append(words, s)
	}
	switch p.r.IntN(5) {
	case 0:
		words = append(words, fmt.Sprintf("geneve({class=%s,type=%s,len=8,0x1234567800000001/0xffffffff0000ffff})", p.number(16, true), p.number(7, true)))
	case 1:
		words = append(words, fmt.Sprintf("vxlan(gbp(id=%s,flags=0x8/0x48))", p.number(16, true)))
	case 2:
		words = append(words, "erspan(ver=1,idx="+p.number(20, true)+")")
	case 3:
		words = append(words, "erspan(ver=2,dir=1,hwid="+p.number(4, true)+")")
	}
	words = append(words, []string{"flags(df|csum|key)", "flags(+key-df)", "flags(-oam)", "flags(+csum+key)"}[p.r.IntN(4)])
	return "tunnel(" + strings.Join(words, ",") + ")"
}

// network is eth_type and what is behind it.
func (p plausible) network() (string, layers) {
	switch p.r.IntN(9) {
	case 0:
		return "eth_type(" + p.number(16, false) + ")", layers{}
	case 1:
		return "eth_type(0x0806),arp(" + p.some("sip="+p.ip4(), "tip="+p.masked(p.ip4(), "255.255.255.0"), "op="+p.number(8, true), "sha="+p.mac(), "tha="+p.mac()) + ")", layers{}
	case 2:
		return fmt.Sprintf("eth_type(0x8847),mpls(label=%s,tc=%s,ttl=%s,bos=1)", p.number(20, true), p.number(3, true), p.number(8, true)), layers{}
	case 3, 4, 5:
		transport, proto := p.transport(false)
		n := map[string]int{"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "": 2 + p.r.IntN(3)}[proto]
		return fmt.Sprintf("eth_type(0x0800),ipv4(%sproto=%d,%s)%s", p.comma("src="+p.masked(p.ip4(), "255.255.255.0"), "dst="+p.ip4()), n,
			p.some("tos="+p.number(8, true), "ttl="+p.number(8, true), "frag="+[]string{"no", "first"}[p.r.IntN(2)]), transport), layers{ip: 4, proto: proto}
	default:
		transport, proto := p.transport(true)
		n := map[string]int{"tcp": 6, "udp": 17, "sctp": 132, "icmpv6": 58, "": 2 + p.r.IntN(3)}[proto]
		return fmt.Sprintf("eth_type(0x86dd),ipv6(%sproto=%d,%s)%s", p.comma("src="+p.masked(p.ip6(), "ffff::"), "dst="+p.ip6(), "label="+p.number(20, true)), n,
			p.some("tclass="+p.number(8, true), "hlimit="+p.number(8, true), "frag="+[]string{"no", "first"}[p.r.IntN(2)]), transport), layers{ip: 6, proto: proto}
	}
}

func (p plausible) comma(words ...string) string {
	if s := p.some(words...); s != "" {
		return s + ","
	}
	return ""
}

func (p plausible) transport(v6 bool) (text, proto string) {
	ports := p.some("src="+p.number(16, true), "dst="+p.number(16, true))
	switch p.r.IntN(6) {
	case 0:
		return "", ""
	case 1:
		if v6 {
			if p.one(2) {
				return fmt.Sprintf(",icmpv6(type=%d,code=0),nd(target=%s,%s)", 135+p.r.IntN(2), p.ip6(), p.some("sll="+p.mac(), "tll="+p.mac())), "icmpv6"
			}
			return fmt.Sprintf(",icmpv6(type=%s,code=0)", p.number(7, true)), "icmpv6"
		}
		return fmt.Sprintf(",icmp(type=%s,code=%s)", p.number(8, true), p.number(8, true)), "icmp"
	case 2:
		return ",udp(" + ports + ")", "udp"
	case 3:
		return ",sctp(" + ports + ")", "sctp"
	default:
		return ",tcp(" + ports + ")" + []string{"", ",tcp_flags(+syn-ack)", ",tcp_flags(0x12)"}[p.r.IntN(3)], "tcp"
	}
}

// actions makes a list; read tells whether the tool reads it, too.
func (p plausible) actions(l layers, depth int) (text string, read bool) {
	var words []string
	read = true
	for range 1 + p.r.IntN(3) {
		w, ok := p.action(l, depth)
		words, read = append(words, w), read && ok
	}
	return strings.Join(append(words, fmt.Sprint(p.r.IntN(4))), ","), read
}

func (p plausible) action(l layers, depth int) (text string, read bool) {
	inner := func() string {
		if depth > 1 {
			return "1"
		}
		s, ok := p.actions(l, depth+1)
		read = read && ok
		return s
	}
	read = true
	switch p.r.IntN(24) {
	case 0:
		return fmt.Sprintf("trunc(%d)", 14+p.r.IntN(1000)), true
	case 1:
		return fmt.Sprintf("push_vlan(tpid=%s,vid=%d,pcp=%d)", []string{"0x8100", "0x88a8"}[p.r.IntN(2)], p.r.IntN(4096), p.r.IntN(8)), true
	case 2:
		return "pop_vlan", true
	case 3:
		return fmt.Sprintf("sample(sample=%.1f%%,actions(%s))", float64(p.r.IntN(1001))/10, inner()), read
	case 4:
		return "clone(" + inner() + ")", read
	case 5:
		return fmt.Sprintf("check_pkt_len(size=%d,gt(%s),le(%s))", p.r.IntN(2000), inner(), inner()), read
	case 6:
		return fmt.Sprintf("psample(group=%d,cookie=0x%x)", p.r.Uint32(), 0x10000000|p.r.Uint64()>>1), true
	case 7:
		return fmt.Sprintf("userspace(pid=%d,userdata(%016x),actions)", p.r.Uint32(), p.r.Uint64()), true
	case 8:
		return fmt.Sprintf("add_mpls(label=%s,tc=1,ttl=64,bos=1,eth_type=0x8847)", p.number(20, false)), true
	case 9:
		return "set(eth(src=" + p.masked(p.mac(), "ff:ff:ff:00:00:00") + "))", true
	case 10:
		return "set(" + []string{"skb_mark", "skb_priority"}[p.r.IntN(2)] + "(" + p.number(32, true) + "))", true
	case 11:
		return fmt.Sprintf("set(tunnel(tun_id=%s,src=%s,dst=%s,tos=%s,ttl=64,tp_dst=%d,flags(df|key)))", p.number(60, false), p.ip4(), p.ip4(), p.number(8, false), p.r.IntN(65536)), true
	case 12, 13, 14:
		return p.ct(l), true
	case 15, 16:
		return p.setHeader(l), true
	case 17:
		return "ct_clear", true
	case 18:
		return fmt.Sprintf("meter(%d)", p.r.IntN(5)), true
	case 19:
		return fmt.Sprintf("push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=%s,si=255,c1=0x1,c2=0x2,c3=0x3,c4=%s)", p.number(24, false), p.number(32, false)), true
	case 20:
		return fmt.Sprintf("push_mpls(label=%s,tc=2,ttl=64,bos=0,eth_type=0x8847)", p.number(20, false)), false
	case 21:
		return fmt.Sprintf("hash(l4(%d))", p.r.Uint32()), false
	case 22:
		return "dec_ttl(le_1(" + inner() + "))", false
	default:
		return fmt.Sprintf("recirc(%d)", p.r.Uint32()), false
	}
}

func (p plausible) ct(l layers) string {
	words := []string{"commit"}
	if s := p.some("zone="+p.number(16, false), "mark="+p.number(32, true), "label="+p.number(60, true)); s != "" {
		words = append(words, s)
	}
	addr := p.ip4()
	if l.ip == 6 {
		addr = "[" + p.ip6() + "]"
	}
	switch p.r.IntN(3) {
	case 0:
		words = append(words, fmt.Sprintf("nat(%s=%s:%d,%s)", []string{"src", "dst"}[p.r.IntN(2)], addr, 1+p.r.IntN(65535), p.some("persistent", "random")))
	case 1:
		words = append(words, "nat")
	}
	return "ct(" + strings.ReplaceAll(strings.Join(words, ","), ",)", ")") + ")"
}

// setHeader sets fields of a header, sometimes of one that is not there.
func (p plausible) setHeader(l layers) string {
	if l.proto == "icmp" || l.proto == "icmpv6" || l.proto == "" || p.one(3) {
		if l.ip == 6 {
			return fmt.Sprintf("set(ipv6(src=%s,hlimit=%s))", p.masked(p.ip6(), "ffff::"), p.number(8, true))
		}
		return fmt.Sprintf("set(ipv4(src=%s,ttl=%s))", p.masked(p.ip4(), "255.255.0.0"), p.number(8, true))
	}
	return fmt.Sprintf("set(%s(src=%s,dst=%d))", l.proto, p.number(16, true), p.r.IntN(65536))
}
