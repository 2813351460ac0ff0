// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dpscope/dpscope/ovs"
)

// tunnelDevices are the names ovs-vswitchd gives the devices of tunnels. To the
// kernel they are devices like any other: only the name tells what they are.
var tunnelDevices = []struct {
	prefix, kind string
	port         uint64 // the one that is not said
}{
	{"vxlan_sys_", "vxlan", 4789}, {"genev_sys_", "geneve", 6081}, {"gre_sys", "gre", 0}, {"ip6gre_sys", "ip6gre", 0},
	{"erspan_sys", "erspan", 0}, {"ip6erspan_sys", "ip6erspan", 0}, {"lisp_sys_", "lisp", 4341}, {"stt_sys_", "stt", 7471},
}

// portKind is what stands behind a port's name, as Open vSwitch has it; nothing
// for a plain device.
func portKind(p ovs.Vport) string {
	if p.Type != ovs.VportNetdev {
		return p.Type.String()
	}
	for _, d := range tunnelDevices {
		rest, ok := strings.CutPrefix(p.Name, d.prefix)
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(rest, 10, 16); err == nil && n != d.port {
			return fmt.Sprintf("%s: dst_port=%d, packet_type=ptap", d.kind, n)
		}
		return d.kind + ": packet_type=ptap"
	}
	return ""
}
