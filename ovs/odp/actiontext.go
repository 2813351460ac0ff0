// SPDX-License-Identifier: Apache-2.0

package odp

// PortNames maps datapath port numbers to device names for text output; nil
// prints numbers. So do names that would be read as something else, such as
// those of a device called "2" or "drop".
type PortNames map[uint32]string

func (n PortNames) append(b []byte, port uint32) []byte {
	if name, ok := n[port]; ok && isPlainName(name) {
		return append(b, name...)
	}
	return appendDec(b, uint64(port))
}

// isPlainName tells whether a device's name stands for a port in this grammar,
// and can do a terminal no harm.
func isPlainName(name string) bool {
	if s := actionByName[name]; name == "" || name == "drop" || s != nil && s.word != nil {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isDevice(c) || c == 0x7f {
			return false
		}
	}
	return !isNumeral(name)
}

// AppendText appends the actions as the dialect's tool prints them, separated by
// commas; an empty list is "drop".
func (as Actions) AppendText(b []byte, o TextOptions) []byte {
	if len(as) == 0 {
		return append(b, "drop"...)
	}
	return as.appendText(b, &o)
}

// appendText writes the actions inside another one.
func (as Actions) appendText(b []byte, o *TextOptions) []byte {
	if len(as) == 0 && o.Dialect == OVS {
		return append(b, "drop"...)
	}
	start := len(b)
	for _, a := range as {
		if o.Dialect == Kselftest && kselftestHides(a) {
			continue
		}
		b = separate(b, start)
		if o.Lossless && isWordless(a) {
			if r, err := rawOf(a); err == nil {
				b = r.appendText(b, o)
				continue
			}
		}
		b = a.appendText(b, o)
	}
	return b
}

// isWordless tells whether text has no words for an action: one whose attributes
// are in another order than the kernel's, or such that the parser refuses it.
func isWordless(a Action) bool {
	r, ok := a.(interface{ wordless() bool })
	return ok && r.wordless()
}

// String is the text form with port numbers.
func (as Actions) String() string { return string(as.AppendText(nil, TextOptions{})) }
