// SPDX-License-Identifier: Apache-2.0

// Package nltest is a kernel for tests: network namespaces whose netlink sockets
// are answered by a function, or by what a real kernel answered when it was
// recorded. Everything that takes an *nl.NetNS works on it, without privileges
// and without the modules it talks about.
//
//	k := nltest.New(handler)
//	client, err := ovs.Open(k.NetNS())
//	...
//	k.Requests() // what was sent
//
// Record makes a namespace that works on the real kernel and notes what passes;
// Replay reads such notes.
package nltest

import (
	"encoding/binary"
	"slices"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
)

// Request is a message that was sent to the kernel.
type Request struct {
	Family  int // NETLINK_GENERIC and so on
	Message netlink.Message
}

// Handler answers a request as the kernel would: with all messages, incl. the
// acknowledgement (Ack) or the end of a dump (Done). Sequence numbers and port
// ids are filled in. It is called by one goroutine at a time.
type Handler func(Request) []netlink.Message

// Kernel is a kernel for tests. It may be used by several goroutines.
type Kernel struct {
	mu       sync.Mutex
	handler  Handler
	requests []Request
	members  map[*socket]map[uint32]bool // multicast groups of the sockets
	lastPID  uint32
}

// New makes a kernel that answers with handler.
func New(handler Handler) *Kernel {
	return &Kernel{handler: handler, members: map[*socket]map[uint32]bool{}}
}

// NetNS is a network namespace of this kernel. It is no namespace of the system:
// NetNS.Do runs its function where it is.
func (k *Kernel) NetNS() *nl.NetNS {
	return nl.TestNetNS("test", func(family int) (*netlink.Conn, error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.lastPID++
		s := newSocket(k, family, k.lastPID)
		k.members[s] = map[uint32]bool{}
		return netlink.NewConn(s, s.pid), nil
	})
}

// Requests are all messages that were sent so far.
func (k *Kernel) Requests() []Request {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.requests)
}

// Publish sends a message to the members of a multicast group and returns how
// many there are.
func (k *Kernel) Publish(group uint32, m netlink.Message) int {
	return k.toMembers(group, func(s *socket) { s.queue(nil, m) })
}

// Overflow makes the next read of a group's members tell that messages were
// lost (ENOBUFS).
func (k *Kernel) Overflow(group uint32) int {
	return k.toMembers(group, func(s *socket) { s.queue(syscall.ENOBUFS) })
}

func (k *Kernel) toMembers(group uint32, do func(*socket)) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for s, groups := range k.members {
		if groups[group] {
			do(s)
			n++
		}
	}
	return n
}

func (k *Kernel) handle(s *socket, m netlink.Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m.Data = slices.Clone(m.Data)
	r := Request{Family: s.family, Message: m}
	k.requests = append(k.requests, r)
	answers := k.handler(r)
	for i := range answers {
		answers[i].Header.Sequence = m.Header.Sequence
		answers[i].Header.PID = s.pid
	}
	s.queue(nil, answers...)
}

// Ack is an acknowledgement: errno 0 for success. text and offset are those of
// an extended acknowledgement, "" and 0 for none; offset counts from the start
// of the request's message header, as the kernel's does.
func Ack(errno syscall.Errno, text string, offset uint32) netlink.Message {
	m := netlink.Message{Header: netlink.Header{Type: netlink.Error, Flags: capped}}
	m.Data = binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
	m.Data = append(m.Data, make([]byte, messageHeaderLen)...) // of the request
	if text != "" {
		m.Data = nl.AppendString(m.Data, ackText, text)
	}
	if offset != 0 {
		m.Data = nl.AppendUint32(m.Data, ackOffset, offset)
	}
	if text != "" || offset != 0 {
		m.Header.Flags |= netlink.AcknowledgeTLVs
	}
	return m
}

// Done is the end of a dump.
func Done() netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.Done, Flags: netlink.Multi},
		Data:   make([]byte, 4), // no error
	}
}

const (
	messageHeaderLen = 16 // sizeof(struct nlmsghdr)
	// linux/netlink.h
	ackText   = 1 // NLMSGERR_ATTR_MSG
	ackOffset = 2 // NLMSGERR_ATTR_OFFS
)

// capped is NLM_F_CAPPED: the request's payload is not repeated.
const capped netlink.HeaderFlags = 0x100
