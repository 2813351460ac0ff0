// SPDX-License-Identifier: Apache-2.0

package nltest

import (
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
)

// Recorder notes what passes between a program and the real kernel.
type Recorder struct {
	ns *nl.NetNS

	mu    sync.Mutex
	notes strings.Builder
}

// Record notes what passes on sockets in ns; nil is the current namespace. ns
// must stay open as long as the Recorder is used.
func Record(ns *nl.NetNS) *Recorder { return &Recorder{ns: ns} }

// NetNS is the namespace on whose sockets the Recorder listens.
func (r *Recorder) NetNS() *nl.NetNS {
	return nl.TestNetNS(r.ns.String(), func(family int) (*netlink.Conn, error) {
		c, err := nl.DialRaw(family, r.ns)
		if err != nil {
			return nil, err
		}
		rc, err := c.SyscallConn()
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		return netlink.NewConn(&tap{r: r, family: family, c: c, rc: rc}, c.PID()), nil
	})
}

// WriteTo writes the notes so far, as Replay reads them.
func (r *Recorder) WriteTo(w io.Writer) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := io.WriteString(w, r.notes.String())
	return int64(n), err
}

func (r *Recorder) add(sent bool, family int, m netlink.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes.WriteString(note(sent, family, m) + "\n")
}

// tap is a real socket whose messages are noted.
type tap struct {
	r      *Recorder
	family int
	c      *netlink.Conn
	rc     syscall.RawConn
}

func (t *tap) Send(m netlink.Message) error {
	t.r.add(true, t.family, m)
	_, err := t.c.Send(m)
	return err
}

func (t *tap) SendMessages(ms []netlink.Message) error {
	for _, m := range ms {
		if err := t.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// Receive reads a datagram as it is: the Conn would make errors of messages.
func (t *tap) Receive() ([]netlink.Message, error) {
	buf := make([]byte, nl.BatchSlotSize)
	var n int
	var rerr error
	err := t.rc.Read(func(fd uintptr) bool {
		n, _, rerr = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		return !errors.Is(rerr, unix.EAGAIN) && !errors.Is(rerr, unix.EINTR)
	})
	if err == nil {
		err = rerr
	}
	if err != nil {
		return nil, err
	}
	var ms []netlink.Message
	for b := buf[:n]; len(b) >= messageHeaderLen; {
		size := int(binary.NativeEndian.Uint32(b))
		if size < messageHeaderLen || size > len(b) {
			return nil, os.ErrInvalid
		}
		m := netlink.Message{
			Header: netlink.Header{
				Length:   uint32(size),
				Type:     netlink.HeaderType(binary.NativeEndian.Uint16(b[4:])),
				Flags:    netlink.HeaderFlags(binary.NativeEndian.Uint16(b[6:])),
				Sequence: binary.NativeEndian.Uint32(b[8:]),
				PID:      binary.NativeEndian.Uint32(b[12:]),
			},
			Data: slices.Clone(b[messageHeaderLen:size]),
		}
		t.r.add(false, t.family, m)
		ms = append(ms, m)
		b = b[min((size+3)&^3, len(b)):]
	}
	return ms, nil
}

func (t *tap) ReceiveIter() iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		ms, err := t.Receive()
		if err != nil {
			yield(netlink.Message{}, err)
			return
		}
		for _, m := range ms {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (t *tap) Close() error                       { return t.c.Close() }
func (t *tap) JoinGroup(group uint32) error       { return t.c.JoinGroup(group) }
func (t *tap) LeaveGroup(group uint32) error      { return t.c.LeaveGroup(group) }
func (t *tap) SetDeadline(d time.Time) error      { return t.c.SetDeadline(d) }
func (t *tap) SetReadDeadline(d time.Time) error  { return t.c.SetReadDeadline(d) }
func (t *tap) SetWriteDeadline(d time.Time) error { return t.c.SetWriteDeadline(d) }
