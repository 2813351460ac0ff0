// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"log"
	"syscall"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/nltest"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// NetNSForExamples is a namespace with a datapath dp0, a port i0 and three flows,
// for the examples.
func NetNSForExamples() *nl.NetNS {
	dp := nl.AppendString(appendHeader(nil, 12), uapi.OVS_DP_ATTR_NAME, "dp0")
	dp = nl.AppendAttr(dp, uapi.OVS_DP_ATTR_STATS, uint64s(0, 0, 0, 3))
	dps := [][]byte{dp}
	vports := [][]byte{exampleVport(7, "i0"), exampleVport(0, "dp0")}
	flows := [][]byte{
		exampleFlow("in_port(0),eth(),eth_type(0x0806),arp(op=1)", "trunc(14),7"),
		exampleFlow("in_port(7),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17),udp(dst=53)", "sample(sample=50.0%,actions(7)),0"),
		exampleFlow("in_port(7),eth(),eth_type(0x86dd),ipv6(proto=58),icmpv6(type=128)", "drop"),
	}
	return nltest.New(familyHandler(func(r fakeRequest) ([][]byte, netlink.Message) {
		switch {
		case r.family == uapi.OVS_DATAPATH_FAMILY && r.flags&netlink.Dump == netlink.Dump:
			return dps, nltest.Done()
		case r.family == uapi.OVS_DATAPATH_FAMILY:
			if name, _ := r.attr(uapi.OVS_DP_ATTR_NAME); name.String() != "dp0" {
				return nil, nltest.Ack(syscall.ENODEV, "", 0)
			}
			return dps, ackOK
		case r.family == uapi.OVS_VPORT_FAMILY:
			return vports, nltest.Done()
		default:
			return flows, nltest.Done()
		}
	})).NetNS()
}

func exampleVport(no uint32, name string) []byte {
	b := nl.AppendUint32(appendHeader(nil, 12), uapi.OVS_VPORT_ATTR_PORT_NO, no)
	b = nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_TYPE, uapi.OVS_VPORT_TYPE_INTERNAL)
	return nl.AppendString(b, uapi.OVS_VPORT_ATTR_NAME, name)
}

func exampleFlow(flow, actions string) []byte {
	spec := FlowSpec{}
	var err error
	if spec.UFID, spec.Match, err = odp.ParseFlow(flow, nil); err == nil {
		spec.Actions, err = odp.ParseActions(actions, nil)
	}
	b := appendHeader(nil, 12)
	if err == nil {
		b, err = spec.appendAttrs(b, true)
	}
	if err != nil {
		log.Fatal(err)
	}
	return b
}
