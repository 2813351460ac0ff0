// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"github.com/mdlayher/genetlink"

	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// marker sends packets that take the same way as those under test: where one
// arrives, everything before it has arrived.
type marker struct {
	send   *topo.Sender
	number uint32 // of the last one
}

// markBase is above the numbers of other packets.
const markBase = 1 << 31

// lay sends the next mark.
func (m *marker) lay() {
	m.number = max(m.number, markBase) + 1
	m.send.SendEach([][]byte{Packet{Len: 60}.Frame(m.number)})
}

// catcher collects what comes out of the datapath.
type catcher struct {
	t       *selftests.T
	in      uint32 // number of the device of portIn
	pid     uint32
	marked  bool // samples have marks
	samples *topo.Inbox
	upcalls *topo.Inbox
	frames  map[uint32]*topo.Inbox
}

// take reads every socket up to a mark and adds what it finds to the outcome
// of the packet it belongs to. whose gives that outcome and the frame as it was
// sent, with the number 0; or nil for a number nobody has.
func (c *catcher) take(mark uint32, whose func(uint32) (*Outcome, []byte)) {
	belongs := func(what string, b []byte) (*Outcome, []byte) {
		n, ok := number(b)
		switch {
		case !ok:
			c.t.Fatalf("%s of %d bytes, too few to tell the packet: %x", what, len(b), b)
		case n == mark:
			return nil, nil
		}
		o, frame := whose(n)
		if o == nil {
			c.t.Fatalf("%s of a packet that was not sent: %x", what, b)
		}
		setNumber(b, 0)
		return o, frame
	}
	if c.marked {
		for c.sample(belongs) {
		}
	}
	for c.upcall(belongs) {
	}
	for port, inbox := range c.frames {
		for {
			d := inbox.Next()
			o, frame := belongs("frame", d.Data)
			if o == nil {
				break
			}
			f := Frame{Port: port, Len: len(d.Data), Data: describe(d.Data, frame)}
			if d.VLAN != nil {
				f.Tag = Tag{d.VLAN.TPID, d.VLAN.TCI}.String()
			}
			o.Frames = append(o.Frames, f)
		}
	}
}

// owner finds the outcome something belongs to, nil for the mark.
type owner func(what string, b []byte) (*Outcome, []byte)

func (c *catcher) sample(belongs owner) bool {
	var s psample.Sample
	if err := psample.Decode(c.samples.Next().Data, &s); err != nil {
		c.t.Fatalf("%v", err)
	}
	if len(s.Unknown) > 0 {
		c.t.Fatalf("sample carries attribute %d, which is not in the header file", s.Unknown[0].Type)
	}
	o, frame := belongs("sample", s.Data)
	if o == nil {
		return false
	}
	out := Sample{
		Group: s.Group, Rate: s.Rate, Probability: s.RateIsProbability, Seq: s.Seq,
		Proto: s.Proto, OrigSize: s.OrigSize, In: c.role(s.IIfIndex), Len: len(s.Data), Data: describe(s.Data, frame),
	}
	if s.Cookie != nil {
		out.Cookie = append([]byte{}, s.Cookie...)
	}
	if s.OIfIndex != 0 {
		out.Out = c.role(s.OIfIndex)
	}
	for attr := range uint16(32) {
		if s.Has(attr) {
			out.Attrs |= 1 << attr
		}
	}
	o.Samples = append(o.Samples, out)
	return true
}

func (c *catcher) role(index uint32) string {
	if index == c.in {
		return roleIn
	}
	return "another device"
}

func (c *catcher) upcall(belongs owner) bool {
	// The datagram is an nlmsghdr of 16 bytes, a genlmsghdr and the rest.
	const headers = 16
	b := c.upcalls.Next().Data
	var m genetlink.Message
	if len(b) < headers {
		c.t.Fatalf("upcall of %d bytes", len(b))
	}
	if err := m.UnmarshalBinary(b[headers:]); err != nil {
		c.t.Fatalf("upcall: %v", err)
	}
	u, err := ovs.DecodeUpcall(m.Header.Command, m.Data)
	if err != nil {
		c.t.Fatalf("upcall: %v", err)
	}
	o, frame := belongs("upcall", u.Packet)
	if o == nil {
		return false
	}
	out := Upcall{
		Command: u.Command.String(), Len: len(u.Packet), Data: describe(u.Packet, frame), OrigLen: u.Len,
		HasData: u.Userdata != nil,
	}
	if len(u.Userdata) > 0 {
		out.Userdata = append([]byte{}, u.Userdata...)
	}
	if u.Actions != nil {
		out.Actions = replacePID(u.Actions, c.pid, herePID).String()
	}
	o.Upcalls = append(o.Upcalls, out)
	return true
}
