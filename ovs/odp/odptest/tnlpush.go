// SPDX-License-Identifier: Apache-2.0

package odptest

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/dpscope/dpscope/ovs/odp"
)

// tnlPush makes the headers of a tunnel through their text, which is what
// decides about all their bytes.
func (g *Gen) tnlPush(_ int) odp.Action {
	mac := func() string {
		m := g.bytes(6)
		return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
	}
	ip6 := func() netip.Addr { return netip.AddrFrom16([16]byte(g.bytes(16))) }
	n := func(limit int) int { return g.r.IntN(limit) }
	six := g.one(2)
	ip, dlType, size := fmt.Sprintf("ipv4(src=%v,dst=%v,proto=%d,tos=%#x,ttl=%d,frag=0x%x)", g.address(4), g.address(4), n(256), n(256), n(256), n(65536)), 0x0800, 34
	if six {
		ip, dlType, size = fmt.Sprintf("ipv6(src=%v,dst=%v,label=%d,proto=%d,tclass=0x%x,hlimit=%d)", ip6(), ip6(), n(1<<20), n(256), n(256), n(256)), 0x86dd, 54
	}
	udp := fmt.Sprintf("udp(src=%d,dst=%d,csum=0x%x),", n(65536), n(65536), n(65536))
	kinds := []string{"vxlan", "geneve", "gre"}
	if six {
		kinds = append(kinds, "srv6")
	}
	if !g.o.Tame { // which ovs-dpctl prints and does not read
		kinds = append(kinds, "erspan1", "erspan2", "gtpu")
	}
	var (
		typ  int
		rest string
	)
	switch kinds[n(len(kinds))] {
	case "vxlan":
		typ, size = 4, size+16
		rest = udp + fmt.Sprintf("vxlan(flags=0x%x,vni=0x%x)", g.u32(), n(1<<24))
	case "geneve":
		typ, size = 5, size+16
		rest = udp + "geneve(" + []string{"", "oam,", "crit,", "oam,crit,"}[n(4)] + fmt.Sprintf("vni=0x%x", n(1<<24))
		if g.one(2) {
			words := n(3)
			rest += fmt.Sprintf(",options({class=%#x,type=%#x,len=%d", n(65536), n(256), 4*words)
			if size += 4 + 4*words; words > 0 {
				rest += fmt.Sprintf(",0x%x", 1+n(1<<30))
			}
			rest += "})"
		}
		rest += ")"
	case "gre":
		if typ = 3; six {
			typ = 109
		}
		flags := 0
		for _, opt := range []struct {
			bit  int
			text string
		}{{0x8000, fmt.Sprintf(",csum=0x%x", n(65536))}, {0x2000, fmt.Sprintf(",key=0x%x", g.u32())}, {0x1000, fmt.Sprintf(",seq=0x%x", g.u32())}} {
			if g.one(2) {
				flags |= opt.bit
				size += 4
				rest += opt.text
			}
		}
		size += 4
		rest = fmt.Sprintf("gre((flags=0x%x,proto=0x%x)%s)", flags, n(65536), rest)
	case "srv6":
		typ = 112
		segs := make([]string, 1+n(6))
		for i := range segs {
			segs[i] = ip6().String()
		}
		size += 8 + 16*len(segs)
		rest = fmt.Sprintf("srv6(segments_left=%d,segs(%s))", len(segs)-1, strings.Join(segs, ","))
	case "erspan1":
		typ, size = 107, size+16
		rest = fmt.Sprintf("erspan(ver=1,sid=0x%x,idx=0x%x)", n(1024), g.u32())
	case "erspan2":
		typ, size = 108, size+20
		rest = fmt.Sprintf("erspan(ver=2,sid=0x%x,dir=%d,hwid=0x%x)", n(1024), n(2), n(64))
	case "gtpu":
		typ, size = 110, size+16
		rest = udp + fmt.Sprintf("gtpu(flags=0x%x,msgtype=%d,teid=0x%x)", n(256), n(256), g.u32())
	}
	text := fmt.Sprintf("tnl_push(tnl_port(%d),header(size=%d,type=%d,eth(dst=%s,src=%s,dl_type=0x%04x),%s,%s),out_port(%d))",
		g.u32(), size, typ, mac(), mac(), dlType, ip, rest, g.u32())
	as, err := odp.ParseActions(text, nil)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	return as[0]
}
