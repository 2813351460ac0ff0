// SPDX-License-Identifier: Apache-2.0

// Package jsonl writes samples and what is missing between them as JSON Lines:
// one object per line, told apart by "type", with a version in "v". The schema
// is docs/schema/psample-listen.schema.json.
//
// Rules that hold for every record: a key is absent when the kernel did not
// send the attribute, and present, even if zero or empty, when it did; a key's
// type never changes; byte strings are lower-case hex without separators.
package jsonl

import (
	"strconv"
	"time"

	"github.com/dpscope/dpscope/internal/pktsum"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/psample/cookie"
)

// Version is the value of "v". It changes when a key changes its meaning, not
// when one is added.
const Version = 1

// Options say what goes into a record beside what the kernel sent.
type Options struct {
	// IfName names an interface by number; narrow tells that the upper half of
	// the number may be missing. Nil leaves names out.
	IfName func(index uint32, narrow bool) (string, bool)
	// Cookie decodes cookies into cookie_decoded; nil does not.
	Cookie cookie.Decoder
	// Now is the clock for records of losses; nil is time.Now.
	Now func() time.Time
}

// Encoder appends records to a buffer. It does not allocate per sample. It is
// not safe for concurrent use.
type Encoder struct {
	opt    Options
	packet *pktsum.Parser
	cookie cookie.Decoded
	stamp  stamp
}

// New makes an Encoder.
func New(opt Options) *Encoder {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Encoder{opt: opt, packet: pktsum.New()}
}

// AppendSample appends one record of type "sample" and a newline.
func (e *Encoder) AppendSample(b []byte, s *psample.Sample) []byte {
	b = append(b, `{"type":"sample","v":`...)
	b = strconv.AppendInt(b, Version, 10)
	b = appendUint(b, `,"group":`, uint64(s.Group))
	if s.Has(uapi.PSAMPLE_ATTR_GROUP_SEQ) {
		b = appendUint(b, `,"seq":`, uint64(s.Seq))
	}
	if s.Has(uapi.PSAMPLE_ATTR_SAMPLE_RATE) {
		b = appendUint(b, `,"rate":`, uint64(s.Rate))
	}
	b = append(b, `,"rate_is_probability":`...)
	b = strconv.AppendBool(b, s.RateIsProbability)
	if s.Has(uapi.PSAMPLE_ATTR_SAMPLE_RATE) && (s.Rate != 0 || s.RateIsProbability) {
		b = append(b, `,"probability":`...)
		b = strconv.AppendFloat(b, s.Probability(), 'g', -1, 64)
	}
	if s.Has(uapi.PSAMPLE_ATTR_IIFINDEX) {
		b = appendUint(b, `,"iifindex":`, uint64(s.IIfIndex))
		b = e.appendIfName(b, `,"iif":`, s.IIfIndex, s.NarrowIfIndex)
	}
	if s.Has(uapi.PSAMPLE_ATTR_OIFINDEX) {
		b = appendUint(b, `,"oifindex":`, uint64(s.OIfIndex))
		b = e.appendIfName(b, `,"oif":`, s.OIfIndex, s.NarrowIfIndex)
	}
	if s.Has(uapi.PSAMPLE_ATTR_ORIGSIZE) {
		b = appendUint(b, `,"orig_size":`, uint64(s.OrigSize))
	}
	if s.Has(uapi.PSAMPLE_ATTR_PROTO) {
		b = appendUint(b, `,"proto":`, uint64(s.Proto))
	}
	if s.Has(uapi.PSAMPLE_ATTR_TIMESTAMP) {
		b = append(b, `,"timestamp":`...)
		b = e.stamp.append(b, s.Timestamp)
	}
	if s.Has(uapi.PSAMPLE_ATTR_OUT_TC) {
		b = appendUint(b, `,"out_tc":`, uint64(s.OutTC))
	}
	if s.Has(uapi.PSAMPLE_ATTR_OUT_TC_OCC) {
		b = appendUint(b, `,"out_tc_occ":`, s.OutTCOcc)
	}
	if s.Has(uapi.PSAMPLE_ATTR_LATENCY) {
		b = appendUint(b, `,"latency":`, s.Latency)
	}
	if s.Has(uapi.PSAMPLE_ATTR_TUNNEL) {
		b = appendTunnel(b, s)
	}
	if s.Has(uapi.PSAMPLE_ATTR_USER_COOKIE) {
		b = append(b, `,"cookie":`...)
		b = appendHex(b, s.Cookie)
		b = e.appendCookie(b, s.Cookie)
	}
	if s.Has(uapi.PSAMPLE_ATTR_DATA) {
		b = e.appendPacket(b, s)
		b = append(b, `,"data":`...)
		b = appendHex(b, s.Data)
	}
	b = appendUnknown(b, s.Unknown)
	return append(b, "}\n"...)
}

// AppendNotice appends one record of type "loss", "malformed" or "module" and a
// newline.
func (e *Encoder) AppendNotice(b []byte, n psample.Notice) []byte {
	head := func(typ string) {
		b = append(b, `{"type":"`...)
		b = append(b, typ...)
		b = append(b, `","v":`...)
		b = strconv.AppendInt(b, Version, 10)
		b = append(b, `,"timestamp":`...)
		b = e.stamp.append(b, uint64(max(e.opt.Now().UnixNano(), 0)))
	}
	switch n := n.(type) {
	case *psample.LossError:
		head("loss")
		b = appendUint(b, `,"lost":`, n.Lost())
		b = appendUint(b, `,"dropped":`, n.Dropped)
		b = appendUint(b, `,"vanished":`, n.Vanished)
		b = appendUint(b, `,"dropped_total":`, n.TotalDropped)
		b = append(b, `,"gaps":[`...)
		for i, g := range n.Gaps {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendUint(b, `{"group":`, uint64(g.Group))
			b = appendUint(b, `,"missing":`, g.Missing)
			b = append(b, '}')
		}
		b = append(b, ']')
	case *psample.MalformedError:
		head("malformed")
		b = append(b, `,"error":`...)
		b = appendString(b, n.Err.Error())
		b = append(b, `,"raw":`...)
		b = appendHex(b, n.Raw)
	case *psample.ModuleError:
		head("module")
		b = append(b, `,"loaded":`...)
		b = strconv.AppendBool(b, n.Loaded)
	default: // psample has no other kind
		return b
	}
	return append(b, "}\n"...)
}

func (e *Encoder) appendIfName(b []byte, key string, index uint32, narrow bool) []byte {
	if e.opt.IfName == nil {
		return b
	}
	name, ok := e.opt.IfName(index, narrow)
	if !ok {
		return b
	}
	return appendString(append(b, key...), name)
}

func (e *Encoder) appendCookie(b, raw []byte) []byte {
	if e.opt.Cookie == nil || !e.opt.Cookie.Decode(raw, &e.cookie) {
		return b
	}
	d := &e.cookie
	b = append(b, `,"cookie_decoded":{"decoder":`...)
	b = appendString(b, d.Decoder)
	b = append(b, `,"guess":`...)
	b = strconv.AppendBool(b, d.Guess)
	if d.Problem != "" {
		b = append(b, `,"problem":`...)
		b = appendString(b, d.Problem)
	}
	for _, f := range d.Fields {
		b = append(b, ',')
		b = appendString(b, f.Name)
		b = append(b, ':')
		if f.IsText {
			b = appendString(b, f.Text)
		} else {
			b = strconv.AppendUint(b, f.Num, 10)
		}
	}
	return append(b, '}')
}

func (e *Encoder) appendPacket(b []byte, s *psample.Sample) []byte {
	p := e.packet.Parse(s.Proto, s.Data)
	b = append(b, `,"packet":{"layers":[`...)
	for i, l := range p.Layers {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, l...)
		b = append(b, '"')
	}
	b = append(b, ']')
	if p.HasMAC {
		b = append(b, `,"eth_src":"`...)
		b = pktsum.AppendMAC(b, p.SrcMAC)
		b = append(b, `","eth_dst":"`...)
		b = pktsum.AppendMAC(b, p.DstMAC)
		b = append(b, '"')
		b = appendUint(b, `,"ethertype":`, uint64(p.EtherType))
	}
	if len(p.VLANs) > 0 {
		b = append(b, `,"vlan":[`...)
		for i, id := range p.VLANs {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, uint64(id), 10)
		}
		b = append(b, ']')
	}
	b = appendAddr(b, `,"src":"`, p.Src)
	b = appendAddr(b, `,"dst":"`, p.Dst)
	if p.HasProto {
		b = appendUint(b, `,"ip_proto":`, uint64(p.Proto))
	}
	if p.HasPorts {
		b = appendUint(b, `,"src_port":`, uint64(p.SrcPort))
		b = appendUint(b, `,"dst_port":`, uint64(p.DstPort))
	}
	b = append(b, `,"fragment":`...)
	b = strconv.AppendBool(b, p.Fragment)
	b = append(b, `,"truncated":`...)
	b = strconv.AppendBool(b, p.Truncated || s.Truncated())
	b = append(b, `,"malformed":`...)
	b = strconv.AppendBool(b, p.Malformed)
	// The text is printable ASCII without quotes or backslashes.
	b = append(b, `,"text":"`...)
	b = e.packet.AppendText(b)
	return append(b, `"}`...)
}
