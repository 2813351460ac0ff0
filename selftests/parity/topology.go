// SPDX-License-Identifier: Apache-2.0

package parity

import "github.com/dpscope/dpscope/ovs/odp"

// Ports of the datapath a list is tried on. Packets come in by portIn; what
// leaves by it or by the other two is caught. The local port is down.
const (
	portLocal = 0
	portIn    = 1
	portA     = 2
	portB     = 3
	// portMark is where the executor's own packets come in.
	portMark = 4
	// portNone is a number without a port.
	portNone = 9
)

// herePID stands for the executor's socket in userspace actions.
const herePID = 1

// roleIn is what the device of portIn is called in samples.
const roleIn = "in"

// recirculated are the flows that recirc() leads to.
var recirculated = map[uint32]odp.Actions{
	1: {odp.Psample{Group: 101, Cookie: []byte{1}}, odp.Output{Port: portA}},
	2: {odp.Trunc{MaxLen: 40}, odp.Psample{Group: 102}, odp.Recirc{ID: 1}},
	3: {odp.Sample{Probability: always - 5, Actions: odp.Actions{odp.Psample{Group: 103}}}, odp.Recirc{ID: 2}, odp.Psample{Group: 113}},
	4: {odp.PushVLAN{TPID: tpidCustomer, TCI: 0x1000 | 44}, odp.Output{Port: portB}, odp.Psample{Group: 104}},
}
