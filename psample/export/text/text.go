// SPDX-License-Identifier: Apache-2.0

// Package text writes samples as one line each, in the manner of tcpdump, for
// people to read. Programs read the JSON Lines of package jsonl.
package text

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dpscope/dpscope/internal/pktsum"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/psample/cookie"
)

// Options say what goes into a line beside what the kernel sent.
type Options struct {
	// IfName names an interface by number; narrow tells that the upper half of
	// the number may be missing. Nil leaves numbers.
	IfName func(index uint32, narrow bool) (string, bool)
	// Cookie decodes cookies; nil does not.
	Cookie cookie.Decoder
	// Location is the time zone of times; nil is time.Local.
	Location *time.Location
	// Now is the clock for lines about losses; nil is time.Now.
	Now func() time.Time
}

// Encoder appends lines to a buffer. It is not safe for concurrent use.
type Encoder struct {
	opt    Options
	packet *pktsum.Parser
	cookie cookie.Decoded
}

// New makes an Encoder.
func New(opt Options) *Encoder {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Location == nil {
		opt.Location = time.Local
	}
	return &Encoder{opt: opt, packet: pktsum.New()}
}

const clock = "15:04:05.000000"

// AppendSample appends one line. It holds printable characters only, whatever
// the packet or an interface name may hold.
func (e *Encoder) AppendSample(b []byte, s *psample.Sample) []byte {
	if s.Has(uapi.PSAMPLE_ATTR_TIMESTAMP) {
		b = s.Time().In(e.opt.Location).AppendFormat(b, clock)
	} else {
		b = append(b, '-')
	}
	b = appendUint(b, " group ", uint64(s.Group))
	if s.Has(uapi.PSAMPLE_ATTR_GROUP_SEQ) {
		b = appendUint(b, " seq ", uint64(s.Seq))
	}
	b = appendRate(b, s)
	b = e.appendInterfaces(b, s)
	b = e.appendCookie(b, s)
	b = appendMetadata(b, s)
	if s.Has(uapi.PSAMPLE_ATTR_DATA) {
		e.packet.Parse(s.Proto, s.Data)
		b = append(b, ": "...)
		b = e.packet.AppendText(b)
	}
	return append(b, '\n')
}

// AppendNotice appends one line about missing samples.
func (e *Encoder) AppendNotice(b []byte, n psample.Notice) []byte {
	b = e.opt.Now().In(e.opt.Location).AppendFormat(b, clock)
	b = append(b, " -- "...)
	b = appendPrintable(b, n.Error(), true)
	return append(b, '\n')
}

func appendRate(b []byte, s *psample.Sample) []byte {
	switch {
	case !s.Has(uapi.PSAMPLE_ATTR_SAMPLE_RATE):
		return b
	case s.RateIsProbability:
		b = append(b, " rate "...)
		// Six digits: enough to tell 100 % from one packet missed in a million.
		b = strconv.AppendFloat(b, 100*s.Probability(), 'g', 6, 64)
		return append(b, '%')
	default:
		return appendUint(b, " rate 1/", uint64(s.Rate))
	}
}

func (e *Encoder) appendInterfaces(b []byte, s *psample.Sample) []byte {
	in, out := s.Has(uapi.PSAMPLE_ATTR_IIFINDEX), s.Has(uapi.PSAMPLE_ATTR_OIFINDEX)
	switch {
	case in && out:
		b = append(b, ' ')
		b = e.appendInterface(b, s.IIfIndex, s.NarrowIfIndex)
		b = append(b, " > "...)
		return e.appendInterface(b, s.OIfIndex, s.NarrowIfIndex)
	case in:
		return e.appendInterface(append(b, " in "...), s.IIfIndex, s.NarrowIfIndex)
	case out:
		return e.appendInterface(append(b, " out "...), s.OIfIndex, s.NarrowIfIndex)
	}
	return b
}

func (e *Encoder) appendInterface(b []byte, index uint32, narrow bool) []byte {
	if e.opt.IfName != nil {
		if name, ok := e.opt.IfName(index, narrow); ok {
			return appendPrintable(b, name, false)
		}
	}
	return appendUint(b, "#", uint64(index))
}

func (e *Encoder) appendCookie(b []byte, s *psample.Sample) []byte {
	if !s.Has(uapi.PSAMPLE_ATTR_USER_COOKIE) {
		return b
	}
	b = append(b, " cookie 0x"...)
	for _, c := range s.Cookie {
		b = append(b, hexDigits[c>>4], hexDigits[c&0xf])
	}
	if e.opt.Cookie == nil || !e.opt.Cookie.Decode(s.Cookie, &e.cookie) {
		return b
	}
	d := &e.cookie
	b = append(b, " ("...)
	b = appendPrintable(b, d.Decoder, false)
	if d.Guess {
		b = append(b, '?')
	}
	if d.Problem != "" {
		b = append(b, ": "...)
		b = appendPrintable(b, d.Problem, true)
	}
	for _, f := range d.Fields {
		b = append(b, ' ')
		b = appendPrintable(b, f.Name, false)
		b = append(b, '=')
		if f.IsText {
			b = appendPrintable(b, f.Text, false)
		} else {
			b = strconv.AppendUint(b, f.Num, 10)
		}
	}
	return append(b, ')')
}

func appendMetadata(b []byte, s *psample.Sample) []byte {
	if s.Has(uapi.PSAMPLE_ATTR_ORIGSIZE) {
		b = appendUint(b, " ", uint64(s.OrigSize))
		b = append(b, " bytes"...)
	}
	if s.Has(uapi.PSAMPLE_ATTR_OUT_TC) {
		b = appendUint(b, " tc ", uint64(s.OutTC))
	}
	if s.Has(uapi.PSAMPLE_ATTR_OUT_TC_OCC) {
		b = appendUint(b, " queued ", s.OutTCOcc)
	}
	if s.Has(uapi.PSAMPLE_ATTR_LATENCY) {
		b = appendUint(b, " latency ", s.Latency)
		b = append(b, "ns"...)
	}
	if s.Has(uapi.PSAMPLE_ATTR_TUNNEL) {
		b = appendTunnel(b, s)
	}
	if len(s.Unknown) > 0 {
		b = appendUint(b, " unknown-attributes ", uint64(len(s.Unknown)))
	}
	return b
}

func appendTunnel(b []byte, s *psample.Sample) []byte {
	t, err := s.Tunnel()
	if err != nil {
		return append(b, " tunnel ?"...)
	}
	b = append(b, " tunnel"...)
	if t.HasID {
		b = appendUint(b, " id ", t.ID)
	}
	if t.Src.IsValid() {
		b = t.Src.AppendTo(append(b, " from "...))
	}
	if t.Dst.IsValid() {
		b = t.Dst.AppendTo(append(b, " to "...))
	}
	return b
}

const hexDigits = "0123456789abcdef"

func appendUint(b []byte, key string, v uint64) []byte {
	return strconv.AppendUint(append(b, key...), v, 10)
}

// appendPrintable appends s with every byte that is not part of a printable
// character, and white space unless allowed, as \xNN: a name must not forge a
// line or steer a terminal.
func appendPrintable(b []byte, s string, space bool) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		bad := r == utf8.RuneError && n == 1
		if !bad && r != '\\' && unicode.IsPrint(r) && (space || r != ' ') {
			b = append(b, s[i:i+n]...)
		} else {
			for _, c := range []byte(s[i : i+n]) {
				b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&0xf])
			}
		}
		i += n
	}
	return b
}
