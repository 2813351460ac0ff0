// SPDX-License-Identifier: Apache-2.0

package flowfilter

import (
	"strings"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
)

var ports = odp.Ports{"p1": 1, "p2": 2}

func parseFlow(t testing.TB, text string) odp.Match {
	t.Helper()
	_, m, err := odp.ParseFlow(text, ports)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func TestMatches(t *testing.T) {
	const (
		ip     = "in_port(1),eth(),eth_type(0x0800),ipv4(frag=no)"
		arp    = "in_port(2),eth(),eth_type(0x0806),arp(tip=10.0.0.9)"
		web    = "in_port(1),eth(dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(src=10.1.0.0/255.255.0.0,proto=6),tcp(dst=80)"
		dns6   = "in_port(2),eth(),eth_type(0x86dd),ipv6(proto=17,hlimit=64),udp(dst=53)"
		tagged = "in_port(1),eth(),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800),ipv4(src=10.0.0.1))"
		ct     = "ct_state(+trk-new),ct_zone(5),in_port(2),eth(),eth_type(0x0800),ipv4()"
		tunnel = "tunnel(tun_id=0x5/0xff,src=1.1.1.1,dst=2.2.2.2),in_port(1),eth(),eth_type(0x0800),ipv4()"
	)
	for _, tt := range []struct {
		filter string
		want   []string
	}{
		{"", []string{ip, arp, web, dns6, tagged, ct, tunnel}},
		{"arp", []string{arp}},
		{"ip", []string{ip, web, tagged, ct, tunnel}},
		{"in_port=1", []string{ip, web, tagged, tunnel}},
		{"in_port=p2", []string{arp, dns6, ct}},
		{"in_port(2)", []string{arp, dns6, ct}},
		{"ip,nw_src=10.1.2.3", []string{ip, web, ct, tunnel}},
		{"ip,nw_src=10.2.2.3", []string{ip, ct, tunnel}},
		{"ip,nw_src=10.0.0.0/8", []string{ip, web, tagged, ct, tunnel}},
		{"ip,nw_src=10.0.0.1", []string{ip, tagged, ct, tunnel}},
		{"tcp,tp_dst=80", []string{ip, web, tagged, ct, tunnel}},
		{"tcp,tp_dst=81", []string{ip, tagged, ct, tunnel}},
		{"tcp,tcp_dst=80,in_port=1,nw_src=10.1.0.1", []string{ip, web, tunnel}},
		{"udp6,tp_dst=53", []string{dns6}},
		{"ipv6,nw_ttl=64", []string{dns6}},
		{"ipv6,nw_ttl=63", nil},
		{"arp,arp_tpa=10.0.0.9", []string{arp}},
		{"arp,arp_tpa=10.0.0.8", nil},
		{"eth_dst=02:00:00:00:00:03", []string{ip, arp, dns6, tagged, ct, tunnel}},
		{"dl_vlan=5,dl_type=0x0800,in_port=1", []string{ip, web, tagged, tunnel}},
		{"dl_vlan=6,dl_type=0x0800,in_port=1", []string{ip, web, tunnel}},
		{"ct_state=+new,in_port=2,ip", nil},
		{"ct_state=+trk,in_port=2,ip", []string{ct}},
		{"ct_zone=6,in_port=2,ip", nil},
		{"tun_id=5,ip,in_port=1", []string{ip, web, tagged, tunnel}},
		{"tun_id=0x105,ip,in_port=1", []string{ip, web, tagged, tunnel}},
		{"tun_id=6,ip,in_port=1", []string{ip, web, tagged}},
		{"tun_src=1.1.1.2,ip,in_port=1", []string{ip, web, tagged}},
		{"eth_type(0x8100),encap(eth_type(0x0800))", []string{tagged}},
		{"eth_type(0x8100),encap(eth_type(0x0806))", nil},
	} {
		t.Run(tt.filter, func(t *testing.T) {
			f, err := Parse(tt.filter, ports)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, flow := range []string{ip, arp, web, dns6, tagged, ct, tunnel} {
				if f.Matches(parseFlow(t, flow)) {
					got = append(got, flow)
				}
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for filter, want := range map[string]string{
		"foo":               `unknown field "foo"`,
		"foo=1":             `unknown field "foo"`,
		"nw_src":            "nw_src: a value is missing",
		"in_port=":          "in_port: a value is missing",
		"in_port=1,in_port": "a value is missing",
		"dl_src=a,dl_src=b": "dl_src twice",
		"in_port=nosuch":    "nosuch",
		"tp_dst=80":         "tp_dst: of which protocol? (say one of tcp, udp, sctp)",
		"nw_proto=6":        "of which protocol? (say one of ipv4, ipv6)",
		"ip,nw_src=10.0.0":  "in \"eth_type(0x0800),ipv4(src=10.0.0)\"",
		"in_port(1),foo()":  `unknown key "foo"`,
	} {
		if _, err := Parse(filter, ports); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", filter, err, want)
		}
	}
}

// FuzzParse: no text and no flow brings it down, and a filter takes the flow it
// was made of.
func FuzzParse(f *testing.F) {
	for name := range fields {
		f.Add("ip,"+name+"=1", []byte{}, []byte{})
	}
	f.Add("in_port(1),tunnel(tun_id=5)", []byte{8, 0, 3, 0, 1, 0, 0, 0}, []byte{8, 0, 3, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, text string, key, mask []byte) {
		filter, err := Parse(text, ports)
		if err != nil {
			return
		}
		if !filter.Matches(filter.want) {
			t.Errorf("%q does not match itself: %v", text, filter.want)
		}
		if m, err := odp.DecodeMatch(key, mask); err == nil {
			filter.Matches(m)
		}
	})
}
