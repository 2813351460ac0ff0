// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/hex"
	"math"
	"strconv"
)

// PortNames maps datapath port numbers to device names for text output; nil
// prints numbers. So do names that would be read as something else, such as
// those of a device called "2" or "drop".
type PortNames map[uint32]string

func (n PortNames) append(b []byte, port uint32) []byte {
	if name, ok := n[port]; ok && isPlainName(name) {
		return append(b, name...)
	}
	return strconv.AppendUint(b, uint64(port), 10)
}

// isPlainName tells whether a device's name stands for a port in this grammar,
// and can do a terminal no harm.
func isPlainName(name string) bool {
	switch name {
	case "", "drop", "pop_vlan", "ct_clear":
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isDevice(c) || c == 0x7f {
			return false
		}
	}
	return !isNumeral(name)
}

// AppendText appends the actions as ovs-dpctl prints them, separated by commas;
// an empty list is "drop". Two things are more precise than there, so that the
// text reads back to the same actions: a psample cookie keeps its leading zeros,
// and a sampling share gets as many decimals as it needs.
func (as Actions) AppendText(b []byte, names PortNames) []byte {
	if len(as) == 0 {
		return append(b, "drop"...)
	}
	for i, a := range as {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.appendText(b, names)
	}
	return b
}

// String is the text form with port numbers.
func (as Actions) String() string { return string(as.AppendText(nil, nil)) }

func (a Output) appendText(b []byte, names PortNames) []byte { return names.append(b, a.Port) }

func (a Trunc) appendText(b []byte, _ PortNames) []byte {
	return appendCall(b, "trunc(", uint64(a.MaxLen))
}

func (a Meter) appendText(b []byte, _ PortNames) []byte {
	return appendCall(b, "meter(", uint64(a.ID))
}

func (a Recirc) appendText(b []byte, _ PortNames) []byte {
	b = append(b, "recirc("...)
	return append(appendAltHex(b, uint64(a.ID)), ')')
}

func (PopVLAN) appendText(b []byte, _ PortNames) []byte { return append(b, "pop_vlan"...) }

func (CTClear) appendText(b []byte, _ PortNames) []byte { return append(b, "ct_clear"...) }

func (a Clone) appendText(b []byte, names PortNames) []byte {
	b = append(b, "clone("...)
	return append(a.Actions.AppendText(b, names), ')')
}

func (a PushVLAN) appendText(b []byte, _ PortNames) []byte {
	b = append(b, "push_vlan("...)
	if a.TPID != etherTypeVLAN {
		b = append(b, "tpid="...)
		b = append(appendHexPad(b, uint64(a.TPID), 4), ',')
	}
	b = append(b, "vid="...)
	b = strconv.AppendUint(b, uint64(a.TCI&vlanVIDMask), 10)
	b = append(b, ",pcp="...)
	b = strconv.AppendUint(b, uint64(a.TCI>>vlanPCPShift), 10)
	if a.TCI&vlanCFI == 0 {
		b = append(b, ",cfi=0"...)
	}
	return append(b, ')')
}

func (a Sample) appendText(b []byte, names PortNames) []byte {
	b = append(b, "sample(sample="...)
	b = appendPercent(b, a.Probability)
	b = append(b, "%,actions("...)
	b = a.Actions.AppendText(b, names)
	return append(b, "))"...)
}

// appendPercent writes a share with one decimal, or as many more as it takes to
// read the same value back.
func appendPercent(b []byte, p uint32) []byte {
	percent := 100 * float64(p) / math.MaxUint32
	at := len(b)
	for decimals := 1; decimals <= 17; decimals++ {
		b = strconv.AppendFloat(b[:at], percent, 'f', decimals, 64)
		if v, err := strconv.ParseFloat(string(b[at:]), 64); err == nil && v <= 100 && ProbabilityOf(v) == p {
			break
		}
	}
	return b
}

func (a Psample) appendText(b []byte, _ PortNames) []byte {
	if a.Cookie != nil && (len(a.Cookie) == 0 || len(a.Cookie) > maxPsampleCookie) {
		return appendRaw(b, a) // the named form would not be read back
	}
	b = append(b, "psample(group="...)
	b = strconv.AppendUint(b, uint64(a.Group), 10)
	if a.Cookie != nil {
		b = append(b, ",cookie=0x"...)
		b = hex.AppendEncode(b, a.Cookie)
	}
	return append(b, ')')
}

// appendRaw writes an action by number, whatever its type has to say.
func appendRaw(b []byte, a Action) []byte {
	p, err := a.appendAttr(nil)
	if err != nil {
		return append(b, "unknown(error)"...)
	}
	for at, err := range allAttrs(p) {
		if err != nil {
			break // the attribute was just built
		}
		b = Raw{Type: at.Type, Nested: at.Nested, NetByteOrder: at.NetByteOrder, Data: at.Data}.appendText(b, nil)
	}
	return b
}

func (a Userspace) appendText(b []byte, names PortNames) []byte {
	b = append(b, "userspace(pid="...)
	b = strconv.AppendUint(b, uint64(a.PID), 10)
	if a.Userdata != nil {
		b = append(b, ",userdata("...)
		b = append(hex.AppendEncode(b, a.Userdata), ')')
	}
	if a.Actions {
		b = append(b, ",actions"...)
	}
	if a.EgressTunPort != nil {
		b = append(b, ",tunnel_out_port="...)
		b = names.append(b, *a.EgressTunPort)
	}
	return append(b, ')')
}

func (r Raw) appendText(b []byte, _ PortNames) []byte {
	b = append(b, "unknown("...)
	b = strconv.AppendUint(b, uint64(r.Type), 10)
	if r.Nested {
		b = append(b, ",nested"...)
	}
	if r.NetByteOrder {
		b = append(b, ",net"...)
	}
	b = append(b, ",hex="...)
	return append(hex.AppendEncode(b, r.Data), ')')
}

func appendCall(b []byte, open string, v uint64) []byte {
	b = append(b, open...)
	return append(strconv.AppendUint(b, v, 10), ')')
}

// appendAltHex is printf's %#x: no prefix on zero.
func appendAltHex(b []byte, v uint64) []byte {
	if v != 0 {
		b = append(b, "0x"...)
	}
	return strconv.AppendUint(b, v, 16)
}

// appendHexPad writes 0x and at least n digits.
func appendHexPad(b []byte, v uint64, n int) []byte {
	b = append(b, "0x"...)
	for n--; n > 0 && v>>(4*n) == 0; n-- {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, v, 16)
}
