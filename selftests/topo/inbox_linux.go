// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"encoding/binary"
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/selftests"
)

// Inbox reads what a socket receives, many datagrams with one system call: for
// tests that look at thousands.
type Inbox struct {
	t       *selftests.T
	what    string
	fd      int
	packets bool

	arena []byte
	ctrl  []byte
	iovs  [inboxSlots]unix.Iovec
	msgs  [inboxSlots]mmsghdr
	at, n int // of the last batch: read, and there
}

// Datagram is one of an Inbox, valid until the next one.
type Datagram struct {
	Data []byte
	// VLAN is the outermost tag of a packet, which the kernel keeps apart.
	VLAN *VLANTag
}

// VLANTag is a tag as the kernel reports it.
type VLANTag struct{ TPID, TCI uint16 }

const (
	inboxSlots = 64
	inboxSlot  = 16 << 10
	inboxCtrl  = 64
)

// Offsets in struct tpacket_auxdata, linux/if_packet.h.
const (
	auxStatusAt = 0
	auxTCIAt    = 16
	auxTPIDAt   = 18
	auxdataSize = 20
)

// NewPacketInbox takes the frames a device receives from now on.
func NewPacketInbox(t *selftests.T, d Dev) *Inbox {
	b := &Inbox{t: t, what: "frames of " + d.Name, fd: packetSocket(t, d, ethPAll), packets: true}
	b.must(unix.SetsockoptInt(b.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1))
	b.must(unix.SetsockoptInt(b.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	return b.prepare()
}

// NewSampleInbox takes the samples of a namespace.
func NewSampleInbox(t *selftests.T, ns *nl.NetNS) *Inbox {
	return (&Inbox{t: t, what: "samples", fd: NewListener(t, ns).fd}).prepare()
}

// NewUpcallInbox takes the upcalls that name the socket, whose PID it gives.
func NewUpcallInbox(t *selftests.T, ns *nl.NetNS) (*Inbox, uint32) {
	b := &Inbox{t: t, what: "upcalls", fd: -1}
	var pid uint32
	b.must(ns.Do(func() error {
		var err error
		b.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_GENERIC)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(b.fd) })
		if err := unix.Bind(b.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		sa, err := unix.Getsockname(b.fd)
		if nsa, ok := sa.(*unix.SockaddrNetlink); ok {
			pid = nsa.Pid
		}
		return err
	}))
	return b.prepare(), pid
}

func (b *Inbox) must(err error) {
	if err != nil {
		b.t.Fatalf("open socket for %s: %v", b.what, err)
	}
}

func (b *Inbox) prepare() *Inbox {
	b.must(unix.SetsockoptInt(b.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer))
	b.arena = make([]byte, inboxSlots*inboxSlot)
	b.ctrl = make([]byte, inboxSlots*inboxCtrl)
	for i := range b.msgs {
		b.iovs[i].Base = &b.arena[i*inboxSlot]
		b.iovs[i].SetLen(inboxSlot)
		b.msgs[i].hdr.Iov = &b.iovs[i]
		b.msgs[i].hdr.SetIovlen(1)
	}
	return b
}

// Next gives the next datagram and waits for it as long as one should take. A
// datagram lost, cut or missing ends the case.
func (b *Inbox) Next() Datagram {
	deadline := time.Now().Add(patience)
	for b.at == b.n {
		b.at, b.n = 0, 0
		switch n, err := b.fill(); {
		case err == nil:
			b.n = n
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			if err := pollFD(b.t, b.fd, unix.POLLIN, time.Until(deadline)); err != nil {
				b.t.Fatalf("receive %s: %v", b.what, err)
			}
		case errors.Is(err, unix.ENOBUFS):
			b.t.Fatalf("receive %s: the receive buffer is full and some were lost", b.what)
		default:
			b.t.Fatalf("receive %s: %v", b.what, err)
		}
	}
	i := b.at
	b.at++
	h := &b.msgs[i]
	if h.hdr.Flags&unix.MSG_TRUNC != 0 || int(h.n) > inboxSlot {
		b.t.Fatalf("receive %s: a datagram of more than %d bytes", b.what, inboxSlot)
	}
	d := Datagram{Data: b.arena[i*inboxSlot:][:h.n]}
	if b.packets {
		d.VLAN = vlanOf(b.ctrl[i*inboxCtrl:][:h.hdr.Controllen])
	}
	return d
}

func (b *Inbox) fill() (int, error) {
	for i := range b.msgs {
		h := &b.msgs[i].hdr
		h.Flags = 0
		if b.packets {
			h.Control = &b.ctrl[i*inboxCtrl]
			h.SetControllen(inboxCtrl)
		}
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.msgs[0])), inboxSlots, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// vlanOf finds the tag in a packet's auxiliary data (struct tpacket_auxdata).
func vlanOf(ctrl []byte) *VLANTag {
	msgs, err := unix.ParseSocketControlMessage(ctrl)
	if err != nil {
		return nil
	}
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < auxdataSize {
			continue
		}
		status := binary.NativeEndian.Uint32(m.Data[auxStatusAt:])
		if status&unix.TP_STATUS_VLAN_VALID == 0 {
			return nil
		}
		v := &VLANTag{TCI: binary.NativeEndian.Uint16(m.Data[auxTCIAt:]), TPID: unix.ETH_P_8021Q}
		if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			v.TPID = binary.NativeEndian.Uint16(m.Data[auxTPIDAt:])
		}
		return v
	}
	return nil
}
