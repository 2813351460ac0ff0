// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// CT runs the packet through connection tracking (OVS_ACTION_ATTR_CT).
type CT struct {
	Commit      bool // make the connection an entry of the table
	ForceCommit bool // the same, also where there is one in the other direction

	Zone      *uint16 // nil: attribute absent, zone 0
	Mark      *CTMark
	Labels    *CTLabels
	Helper    string  // "": attribute absent
	EventMask *uint32 // which events are reported, 1 << IPCT_*
	Timeout   string  // name of a timeout policy; "": attribute absent
	NAT       *NAT
	Extra
}

// CTMark sets bits of a connection's mark.
type CTMark struct {
	Value uint32 `json:"value"`
	Mask  uint32 `json:"mask"`
}

// CTLabels sets bits of a connection's labels, the least significant byte first.
type CTLabels struct {
	Value, Mask [16]byte
}

func (CT) attrType() uint16 { return uapi.OVS_ACTION_ATTR_CT }

var ctOrder = []uint16{
	uapi.OVS_CT_ATTR_COMMIT, uapi.OVS_CT_ATTR_FORCE_COMMIT, uapi.OVS_CT_ATTR_ZONE, uapi.OVS_CT_ATTR_MARK,
	uapi.OVS_CT_ATTR_LABELS, uapi.OVS_CT_ATTR_HELPER, uapi.OVS_CT_ATTR_EVENTMASK, uapi.OVS_CT_ATTR_TIMEOUT,
	uapi.OVS_CT_ATTR_NAT,
}

func (a CT) wordless() bool { return a.Order != nil || a.NAT != nil && a.NAT.wordless() }

func decodeCT(at nl.Attr, _ int) (Action, bool) {
	var c CT
	ok := c.decode(at.Data, ctOrder, func(at nl.Attr) (ok bool) {
		if at.Nested && at.Type != uapi.OVS_CT_ATTR_NAT {
			return false
		}
		switch at.Type {
		case uapi.OVS_CT_ATTR_COMMIT:
			ok = len(at.Data) == 0
			c.Commit = ok
		case uapi.OVS_CT_ATTR_FORCE_COMMIT:
			ok = len(at.Data) == 0
			c.ForceCommit = ok
		case uapi.OVS_CT_ATTR_ZONE:
			var v uint16
			if v, ok = at.Uint16(); ok {
				c.Zone = &v
			}
		case uapi.OVS_CT_ATTR_MARK:
			if ok = len(at.Data) == 8; ok {
				c.Mark = &CTMark{binary.NativeEndian.Uint32(at.Data), binary.NativeEndian.Uint32(at.Data[4:])}
			}
		case uapi.OVS_CT_ATTR_LABELS:
			if ok = len(at.Data) == 32; ok {
				c.Labels = &CTLabels{[16]byte(at.Data), [16]byte(at.Data[16:])}
			}
		case uapi.OVS_CT_ATTR_HELPER:
			c.Helper, ok = ctName(at.Data, maxHelper)
		case uapi.OVS_CT_ATTR_TIMEOUT:
			c.Timeout, ok = ctName(at.Data, maxTimeout)
		case uapi.OVS_CT_ATTR_EVENTMASK:
			var v uint32
			if v, ok = at.Uint32(); ok {
				c.EventMask = &v
			}
		case uapi.OVS_CT_ATTR_NAT:
			c.NAT, ok = decodeNAT(at.Data)
		}
		return ok
	})
	return c, ok
}

// How long names are at most: the kernel keeps them in arrays of 16 and 32 bytes.
const (
	maxHelper  = 15
	maxTimeout = 31
)

// ctName is a name as it is on the wire, with a zero behind it. What could not
// stand in text is none.
func ctName(b []byte, limit int) (string, bool) {
	if len(b) < 2 || b[len(b)-1] != 0 || !isCTName(string(b[:len(b)-1]), limit) {
		return "", false
	}
	return string(b[:len(b)-1]), true
}

func isCTName(s string, limit int) bool {
	for i := range len(s) {
		if !isCTNameByte(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= limit
}

func isCTNameByte(c byte) bool { return c > ' ' && c < 0x7f && strings.IndexByte(",()\"\\", c) < 0 }

func (a CT) appendAttr(b []byte) ([]byte, error) {
	return a.append(b, a.attrType(), ctOrder, func(b []byte, typ uint16) ([]byte, error) {
		switch {
		case typ == uapi.OVS_CT_ATTR_COMMIT && a.Commit, typ == uapi.OVS_CT_ATTR_FORCE_COMMIT && a.ForceCommit:
			return nl.AppendFlag(b, typ), nil
		case typ == uapi.OVS_CT_ATTR_ZONE && a.Zone != nil:
			return nl.AppendUint16(b, typ, *a.Zone), nil
		case typ == uapi.OVS_CT_ATTR_MARK && a.Mark != nil:
			p := binary.NativeEndian.AppendUint32(make([]byte, 0, 8), a.Mark.Value)
			return nl.AppendAttr(b, typ, binary.NativeEndian.AppendUint32(p, a.Mark.Mask)), nil
		case typ == uapi.OVS_CT_ATTR_LABELS && a.Labels != nil:
			return nl.AppendAttr(b, typ, append(a.Labels.Value[:], a.Labels.Mask[:]...)), nil
		case typ == uapi.OVS_CT_ATTR_HELPER && a.Helper != "":
			return appendBytes(b, typ, append([]byte(a.Helper), 0))
		case typ == uapi.OVS_CT_ATTR_TIMEOUT && a.Timeout != "":
			return appendBytes(b, typ, append([]byte(a.Timeout), 0))
		case typ == uapi.OVS_CT_ATTR_EVENTMASK && a.EventMask != nil:
			return nl.AppendUint32(b, typ, *a.EventMask), nil
		case typ == uapi.OVS_CT_ATTR_NAT && a.NAT != nil:
			return a.NAT.append(b)
		}
		return b, nil
	})
}

func (a CT) appendText(b []byte, o *TextOptions) []byte {
	if o.Dialect == Kselftest {
		return a.appendKselftest(b)
	}
	b = append(b, "ct"...)
	at := len(b)
	b = append(b, '(')
	start := len(b)
	if a.Commit {
		b = append(separate(b, start), "commit"...)
	}
	if a.ForceCommit {
		b = append(separate(b, start), "force_commit"...)
	}
	if a.Zone != nil && (*a.Zone != 0 || o.Lossless) {
		b = appendArg(b, start, "zone", uint64(*a.Zone))
	}
	if a.Mark != nil {
		b = appendAltHex(append(separate(b, start), "mark="...), uint64(a.Mark.Value))
		b = appendAltHex(append(b, '/'), uint64(a.Mark.Mask))
	}
	if a.Labels != nil {
		b = appendLabel(append(separate(b, start), "label="...), a.Labels.Value[:])
		if !allBytes(a.Labels.Mask[:], 0xff) {
			b = appendLabel(append(b, '/'), a.Labels.Mask[:])
		}
	}
	if a.Helper != "" {
		b = append(append(separate(b, start), "helper="...), a.Helper...)
	}
	if a.EventMask != nil && o.Lossless { // ovs-dpctl has no word for it
		b = appendAltHex(append(separate(b, start), "eventmask="...), uint64(*a.EventMask))
	}
	if a.Timeout != "" {
		b = append(append(separate(b, start), "timeout="...), a.Timeout...)
	}
	if a.NAT != nil {
		b = a.NAT.appendText(separate(b, start), o)
	}
	b = a.Extra.appendText(b, start, o)
	if len(b) == start {
		return b[:at]
	}
	return append(b, ')')
}

// appendKselftest writes a comma behind everything but the name of a timeout.
func (a CT) appendKselftest(b []byte) []byte {
	b = append(b, "ct("...)
	if a.Commit {
		b = append(b, "commit,"...)
	}
	if a.Zone != nil {
		b = append(appendDec(append(b, "zone="...), uint64(*a.Zone)), ',')
	}
	if a.Helper != "" {
		b = append(append(append(b, "helper="...), a.Helper...), ',')
	}
	if a.NAT != nil {
		b = append(a.NAT.appendKselftest(b), ',')
	}
	if a.ForceCommit {
		b = append(b, "force,"...)
	}
	if a.EventMask != nil {
		b = append(appendUpperHex(append(b, "emask=0x"...), uint64(*a.EventMask), 1), ',')
	}
	if a.Timeout != "" {
		b = append(append(b, "timeout="...), a.Timeout...)
	}
	return append(b, ')')
}

func (p *actionParser) ct(_, _ int) (Action, error) {
	var c CT
	err := p.fields("ct", func(name string, at int) error {
		w := where{key: "ct", field: name}
		switch name {
		case "commit":
			c.Commit = true
			return nil
		case "force_commit", "force":
			c.ForceCommit = true
			return nil
		case "nat":
			nat, err := p.nat()
			c.NAT = nat
			return err
		case "unknown":
			return c.parse(&p.scanner, "ct")
		case "zone", "mark", "label", "helper", "timeout", "eventmask", "emask":
		default:
			return p.noField("ct", name, at)
		}
		if err := p.expect('=', "ct", name); err != nil {
			return err
		}
		var (
			v, m uint64
			err  error
		)
		switch name {
		case "zone":
			v, err = p.number(w, 16)
			c.Zone = new(uint16(v))
		case "mark":
			v, m, err = p.masked(w, 32, 1<<32-1)
			c.Mark = &CTMark{uint32(v), uint32(m)}
		case "label":
			c.Labels = &CTLabels{}
			err = p.labels(w, c.Labels.Value[:], c.Labels.Mask[:])
		case "helper":
			c.Helper, err = p.ctName(w, maxHelper)
		case "timeout":
			c.Timeout, err = p.ctName(w, maxTimeout)
		default:
			v, err = p.number(w, 32)
			c.EventMask = new(uint32(v))
		}
		return err
	})
	return c, err
}

// ctName reads a name of at most limit bytes.
func (p *actionParser) ctName(w where, limit int) (string, error) {
	at := p.pos
	name := p.span(isCTNameByte)
	switch {
	case name == "":
		return "", p.errf(at, "%s: a name is missing", w)
	case len(name) > limit && p.Dialect == OVS:
		return "", p.errf(at, "%s: %q is longer than %d bytes", w, name, limit)
	}
	return name, nil
}

type labelsJSON struct {
	Value json.RawMessage `json:"value"`
	Mask  json.RawMessage `json:"mask"`
}

type ctJSON struct {
	Commit      bool        `json:"commit"`
	ForceCommit bool        `json:"force_commit"`
	Zone        *uint16     `json:"zone,omitempty"`
	Mark        *CTMark     `json:"mark,omitempty"`
	Labels      *labelsJSON `json:"labels,omitempty"`
	Helper      string      `json:"helper,omitempty"`
	EventMask   *uint32     `json:"eventmask,omitempty"`
	Timeout     string      `json:"timeout,omitempty"`
	NAT         *natJSON    `json:"nat,omitempty"`
	extraJSON
}

func (a CT) jsonValue() any {
	j := ctJSON{
		Commit: a.Commit, ForceCommit: a.ForceCommit, Zone: a.Zone, Mark: a.Mark, Helper: a.Helper,
		EventMask: a.EventMask, Timeout: a.Timeout, NAT: a.NAT.json(), extraJSON: a.json(),
	}
	if a.Labels != nil {
		value, _ := appendValueJSON(nil, ctLabelKey, Field{Value: a.Labels.Value[:]}, 0)
		mask, _ := appendValueJSON(nil, ctLabelKey, Field{Value: a.Labels.Mask[:]}, 0)
		j.Labels = &labelsJSON{value, mask}
	}
	return j
}

var errCTName = errors.New("helper or timeout: not the name of one")

func ctFromJSON(raw json.RawMessage, _ int) (Action, error) {
	var (
		j ctJSON
		c CT
	)
	err := fromJSON(raw, &j, func() (err error) {
		c = CT{Commit: j.Commit, ForceCommit: j.ForceCommit, Zone: j.Zone, Mark: j.Mark, Helper: j.Helper, EventMask: j.EventMask, Timeout: j.Timeout}
		if c.Helper != "" && !isCTName(c.Helper, maxHelper) || c.Timeout != "" && !isCTName(c.Timeout, maxTimeout) {
			return errCTName
		}
		if j.Labels != nil {
			value, err := valueFromJSON(j.Labels.Value, ctLabelKey, 0)
			if err != nil {
				return err
			}
			mask, err := valueFromJSON(j.Labels.Mask, ctLabelKey, 0)
			if err != nil {
				return err
			}
			c.Labels = &CTLabels{[16]byte(value), [16]byte(mask)}
		}
		if c.NAT, err = j.NAT.nat(); err == nil {
			c.Extra, err = j.extra()
		}
		return err
	})
	return c, err
}
