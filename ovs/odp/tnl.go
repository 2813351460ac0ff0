// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/json"

	"github.com/dpscope/dpscope/internal/hexstr"
)

// Actions of the userspace datapath: read and written as text and JSON, so that
// its dumps can be processed, but not encoded. What numbers they have differs
// between releases of Open vSwitch and means other things to the kernel.
type (
	// LBOutput sends the packet to a member of a bond.
	LBOutput struct {
		Bond uint32
	}

	// TnlPop removes the outer headers and goes on as if the packet came from
	// a tunnel port.
	TnlPop struct {
		Port uint32
	}

	// TnlPush puts the headers of a tunnel in front of the packet.
	TnlPush struct {
		TunnelPort uint32 // the tunnel's
		OutPort    uint32 // to which the result goes
		Type       uint32 // OVS_VPORT_TYPE_*, by which the headers are shown
		Header     []byte // from the Ethernet header on
	}
)

func (LBOutput) attrType() uint16 { return 0 }
func (TnlPop) attrType() uint16   { return 0 }
func (TnlPush) attrType() uint16  { return 0 }

func (LBOutput) appendAttr([]byte) ([]byte, error) {
	return nil, &UserspaceError{Name: "lb_output", Reason: "the kernel knows no bonds"}
}

func (TnlPop) appendAttr([]byte) ([]byte, error) {
	return nil, &UserspaceError{Name: "tnl_pop", Reason: "the kernel's tunnels are devices, which remove their headers themselves"}
}

func (TnlPush) appendAttr([]byte) ([]byte, error) {
	return nil, &UserspaceError{Name: "tnl_push", Reason: "the kernel's tunnels are devices; use set(tunnel(...)) and output"}
}

func (a LBOutput) appendText(b []byte, _ *TextOptions) []byte {
	return appendCall(b, "lb_output", uint64(a.Bond))
}

func (a TnlPop) appendText(b []byte, o *TextOptions) []byte {
	return append(o.Names.append(append(b, "tnl_pop("...), a.Port), ')')
}

func (p *actionParser) tnlPop(_, _ int) (Action, error) {
	port, err := p.port("tnl_pop", "")
	return TnlPop{port}, err
}

func (a LBOutput) jsonValue() any { return a.Bond }
func (a TnlPop) jsonValue() any   { return a.Port }

type tnlPushJSON struct {
	TunnelPort uint32       `json:"tnl_port"`
	OutPort    uint32       `json:"out_port"`
	Type       uint32       `json:"type"`
	Header     hexstr.Bytes `json:"header"`
}

func (a TnlPush) jsonValue() any { return tnlPushJSON{a.TunnelPort, a.OutPort, a.Type, a.Header} }

func tnlPushFromJSON(raw json.RawMessage, _ int) (Action, error) {
	var j tnlPushJSON
	err := strictUnmarshal("members", raw, &j)
	return TnlPush{j.TunnelPort, j.OutPort, j.Type, notNil(j.Header)}, err
}
