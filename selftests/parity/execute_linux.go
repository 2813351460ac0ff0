// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// executor tries lists on the running kernel.
type executor struct {
	t      *selftests.T
	dp     *topo.Datapath
	inject *topo.Injector
	send   *topo.Sender // to portIn
	mark   marker
	catch  catcher
	pid    uint32
	header Header // what was found out about the kernel
}

// newExecutor builds the datapath in the namespace of t, which it belongs to.
func newExecutor(t *selftests.T) *executor {
	e := &executor{t: t, dp: topo.NewDatapath(t, t.NS(), "dp0")}
	var ports [portMark + 1]topo.Dev // those behind the datapath's
	for n := uint32(portIn); n <= portMark; n++ {
		v, p := topo.Veth(t, byte(n), t.NS(), t.NS())
		// Larger than anything a list makes of a packet.
		v.SetMTU(t, 9000)
		p.SetMTU(t, 9000)
		if got := e.dp.AddDev(v); got != n {
			t.Fatalf("port of %s has number %d, want %d", v.Name, got, n)
		}
		ports[n] = p
		if n == portIn {
			e.catch.in = v.Index
		}
	}
	e.send = topo.NewSender(t, ports[portIn])
	e.inject = e.dp.NewInjector()
	e.catch.t = t
	e.catch.samples = topo.NewSampleInbox(t, t.NS())
	e.catch.upcalls, e.pid = topo.NewUpcallInbox(t, t.NS())
	e.catch.pid = e.pid
	e.catch.frames = map[uint32]*topo.Inbox{}
	for _, n := range []uint32{portIn, portA, portB} {
		e.catch.frames[n] = topo.NewPacketInbox(t, ports[n])
	}
	e.mark.send = topo.NewSender(t, ports[portMark])
	e.catch.marked = e.layMark()
	e.header.Trunc = e.truncKind()
	e.header.Recirc = map[uint32]string{}
	for id, actions := range recirculated {
		for _, types := range tagKinds() {
			f := topo.Flow{InPort: portIn, Recirc: id, Types: types, Actions: actions}
			if errno := errnoName(e.dp.TryFlow(f)); errno != "" {
				e.header.Recirc[id] = errno
			}
		}
	}
	return e
}

// tagKinds are the kinds of tags that flows tell apart: none, one, or two and
// what follows them.
func tagKinds() [][]uint16 {
	kinds := [][]uint16{nil}
	tpids := []uint16{tpidCustomer, tpidService}
	for _, outer := range tpids {
		kinds = append(kinds, []uint16{outer, topo.EtherTypeIPv4})
		for _, inner := range tpids {
			for _, next := range append(tpids, topo.EtherTypeIPv4) {
				kinds = append(kinds, []uint16{outer, inner, next})
			}
		}
	}
	return kinds
}

// flowKinds are the kinds among packets; without packets it is that without
// tags.
func flowKinds(packets []Packet) [][]uint16 {
	if len(packets) == 0 {
		return [][]uint16{nil}
	}
	var kinds [][]uint16
	for _, p := range packets {
		var kind []uint16
		for _, t := range p.Tags[:min(len(p.Tags), 3)] {
			kind = append(kind, t.TPID)
		}
		if n := len(p.Tags); n == 1 || n == 2 {
			kind = append(kind, topo.EtherTypeIPv4)
		}
		if !slices.ContainsFunc(kinds, func(k []uint16) bool { return slices.Equal(k, kind) }) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// layMark makes the flow that takes a mark to every socket, and tells whether
// samples are among them: not every kernel has psample.
func (e *executor) layMark() (samples bool) {
	actions := odp.Actions{odp.Userspace{PID: e.pid}, odp.Output{Port: portIn}, odp.Output{Port: portA}, odp.Output{Port: portB}}
	f := topo.Flow{InPort: portMark, Actions: append(odp.Actions{odp.Psample{}}, actions...)}
	err := e.dp.TryFlow(f)
	if errors.Is(err, unix.EINVAL) {
		f.Actions = actions
		e.dp.PutFlow(f)
		return false
	}
	e.t.Must(err)
	return true
}

// truncKind finds out how the kernel keeps a trunc: the second one below must
// undo the first.
func (e *executor) truncKind() Trunc {
	p := Packet{Len: 100}
	l := List{
		Actions: odp.Actions{odp.Trunc{MaxLen: 20}, odp.Trunc{MaxLen: 9000}, odp.Output{Port: portA}},
		Packets: []Packet{p}, Copies: 1,
	}
	got := e.flow(l)
	if got.Errno != "" || len(got.Packets[0]) != 1 || len(got.Packets[0][0].Frames) != 1 {
		e.t.Fatalf("trunc(20),trunc(9000),output: %+v", got)
	}
	switch n := got.Packets[0][0].Frames[0].Len; n {
	case 20:
		return TruncCut
	case p.Len:
		return TruncKeep
	default:
		e.t.Fatalf("trunc(20),trunc(9000),output leaves %d bytes of %d", n, p.Len)
		return ""
	}
}

// try tries a list in both ways.
func (e *executor) try(l List) Result {
	return Result{Index: l.Index, Actions: l.Actions.String(), Paths: []Path{e.flow(l), e.injected(l)}}
}

func (e *executor) flow(l List) Path {
	p := Path{Path: PathFlow}
	actions := e.bind(l.Actions)
	for _, types := range flowKinds(l.Packets) {
		err := e.dp.TryFlow(topo.Flow{InPort: portIn, Types: types, Actions: actions})
		if p.Errno = errnoName(err); p.Errno != "" {
			return p
		}
	}
	return e.packets(p, l, func(frames [][]byte) string {
		e.send.SendEach(frames)
		return ""
	})
}

func (e *executor) injected(l List) Path {
	p := Path{Path: PathExecute}
	actions := e.bind(l.Actions)
	if l.Fault != "" {
		// Not for the packet's sake.
		p.Errno = errnoName(e.inject.TryExecute(portIn, [][]byte{Packet{Len: 60}.Frame(0)}, actions))
		return p
	}
	return e.packets(p, l, func(frames [][]byte) string {
		return errnoName(e.inject.TryExecute(portIn, frames, actions))
	})
}

// inFlight bounds how many packets are on their way at once: what is received
// on a veth device waits in a queue of 1000 per CPU, and every output is
// received once more.
const inFlight = 800

// packets sends all packets of a list and sorts what comes back.
func (e *executor) packets(p Path, l List, send func([][]byte) string) Path {
	var frames [][]byte
	var kinds []int // of which packet each is
	for kind, packet := range l.Packets {
		for range l.Copies {
			frames = append(frames, packet.Frame(uint32(len(frames))))
			kinds = append(kinds, kind)
		}
	}
	outputs := 1 + countOutputs(l.Actions, 0)
	seen := make([]Outcome, len(frames))
	for at := 0; at < len(frames); {
		n := min(max(inFlight/outputs, 1), len(frames)-at)
		errno := send(frames[at : at+n])
		e.mark.lay()
		e.catch.take(e.mark.number, func(number uint32) (*Outcome, []byte) {
			if number >= uint32(len(frames)) {
				return nil, nil
			}
			zero := l.Packets[kinds[number]].Frame(0)
			return &seen[number], zero
		})
		if errno != "" {
			p.Errno = errno
			return p
		}
		at += n
	}
	sets := make([]outcomeSet, len(l.Packets))
	for i, o := range seen {
		if sets[kinds[i]] == nil {
			sets[kinds[i]] = outcomeSet{}
		}
		sets[kinds[i]][o.canonical()] = o
	}
	for _, s := range sets {
		p.Packets = append(p.Packets, s.list())
	}
	return p
}

// countOutputs is an upper bound of how often one packet can leave.
func countOutputs(actions odp.Actions, depth int) int {
	n := 0
	for _, a := range actions {
		switch a := a.(type) {
		case odp.Output:
			n++
		case odp.Sample:
			n += countOutputs(a.Actions, depth)
		case odp.Clone:
			n += countOutputs(a.Actions, depth)
		case odp.Recirc:
			if depth <= len(recirculated) {
				n += countOutputs(recirculated[a.ID], depth+1)
			}
		}
	}
	return n
}

// bind names the executor's socket in userspace actions.
func (e *executor) bind(actions odp.Actions) odp.Actions { return replacePID(actions, herePID, e.pid) }

// replacePID gives a copy of a list with another socket in its userspace actions.
func replacePID(actions odp.Actions, from, to uint32) odp.Actions {
	out := slices.Clone(actions)
	for i, a := range out {
		switch a := a.(type) {
		case odp.Userspace:
			if a.PID == from {
				a.PID = to
				out[i] = a
			}
		case odp.Sample:
			a.Actions = replacePID(a.Actions, from, to)
			out[i] = a
		case odp.Clone:
			a.Actions = replacePID(a.Actions, from, to)
			out[i] = a
		}
	}
	return out
}

// errnoName is the name of a refusal, "" for none, and the error's text for
// one that is no errno.
func errnoName(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &errno):
		return err.Error()
	}
	if name := unix.ErrnoName(errno); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(errno))
}
