// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"syscall"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// streamBuffer is what one read of a stream takes. The kernel fills at most
// 32 KiB at a time for a reader with that much room; a single message that is
// larger needs more.
const streamBuffer = BatchSlotSize

// Stream is Dump for tables too large to be copied message by message: it
// yields the payloads out of one buffer. A payload is valid until the next one
// is asked for. Errors are those of Dump, and like there the Conn is busy until
// the loop ends.
func (c *Conn) Stream(ctx context.Context, r Request) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		interrupted, stopped := false, false
		err := c.exchange(ctx, r, 0, func(nc *netlink.Conn) error {
			req, err := nc.Send(r.message(netlink.Dump))
			if err != nil {
				return err
			}
			take := func(h netlink.Header, payload []byte) error {
				if h.Sequence != req.Header.Sequence {
					return fmt.Errorf("reply carries sequence %d, expected %d", h.Sequence, req.Header.Sequence)
				}
				interrupted = interrupted || h.Flags&netlink.DumpInterrupted != 0
				if !yield(payload, nil) {
					// What is left of the dump stays in the socket.
					stopped, c.stale = true, true
					return errStop
				}
				return nil
			}
			rc, err := nc.SyscallConn()
			if err != nil {
				return slowStream(nc, take) // no socket behind it: a test's kernel
			}
			return newStream(rc).run(take)
		})
		switch {
		case stopped:
		case err != nil:
			yield(nil, err)
		case interrupted:
			yield(nil, &Error{Op: r.Op, Object: r.Object, Err: ErrDumpInterrupted})
		}
	}
}

// errStop ends a stream that its reader has left.
var errStop = errors.New("stopped")

func slowStream(nc *netlink.Conn, take func(netlink.Header, []byte) error) error {
	for m, err := range nc.ReceiveIter() {
		if err != nil {
			return err
		}
		if err := take(m.Header, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// stream reads a dump into one buffer.
type stream struct {
	rc    syscall.RawConn
	buf   []byte
	n     int
	errno unix.Errno
	read  func(fd uintptr) bool
}

func newStream(rc syscall.RawConn) *stream {
	s := &stream{rc: rc, buf: make([]byte, streamBuffer)}
	s.read = func(fd uintptr) bool {
		for {
			// It never blocks, so that the scheduler need not be told of it,
			// which would have another thread take over each time the kernel
			// makes up the next part of the dump. MSG_TRUNC has it tell the
			// length also of what does not fit.
			n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&s.buf[0])), uintptr(len(s.buf)),
				unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
			s.n, s.errno = int(n), errno
			if errno != unix.EINTR {
				return errno != unix.EAGAIN
			}
		}
	}
	return s
}

// run hands out the messages of a dump until its end.
func (s *stream) run(take func(netlink.Header, []byte) error) error {
	for {
		err := s.rc.Read(s.read)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case err != nil:
			return os.ErrClosed // what is left of the runtime's reasons
		case s.errno != 0:
			return s.errno
		case s.n > len(s.buf):
			return fmt.Errorf("a datagram of the dump has %d bytes, more than the %d there is room for", s.n, len(s.buf))
		}
		done, err := eachMessage(s.buf[:s.n], take)
		if done || err != nil {
			return err
		}
	}
}

// eachMessage hands out the messages of one datagram; done tells that the dump
// ended with it.
func eachMessage(b []byte, take func(netlink.Header, []byte) error) (done bool, err error) {
	for len(b) >= nlmsgHeaderLen {
		h := netlink.Header{
			Length:   binary.NativeEndian.Uint32(b),
			Type:     netlink.HeaderType(binary.NativeEndian.Uint16(b[4:])),
			Flags:    netlink.HeaderFlags(binary.NativeEndian.Uint16(b[6:])),
			Sequence: binary.NativeEndian.Uint32(b[8:]),
			PID:      binary.NativeEndian.Uint32(b[12:]),
		}
		if h.Length < nlmsgHeaderLen || uint64(h.Length) > uint64(len(b)) {
			return false, fmt.Errorf("message of %d bytes in the %d left of a datagram", h.Length, len(b))
		}
		payload := b[nlmsgHeaderLen:h.Length:h.Length]
		b = b[min(align(int(h.Length)), len(b)):]
		switch h.Type {
		case netlink.Done, netlink.Error:
			return true, ackError(h, payload)
		case netlink.Noop:
			continue
		default: // the family's own; no kernel sends netlink.Overrun
		}
		if err := take(h, payload); err != nil {
			return false, err
		}
	}
	return false, nil
}

// Flags of the message that ends an exchange and attributes of extended
// acknowledgements, linux/netlink.h.
const (
	flagCapped   = 0x100 // NLM_F_CAPPED: the request's payload is left out
	flagAckAttrs = 0x200 // NLM_F_ACK_TLVS
	ackText      = 1     // NLMSGERR_ATTR_MSG
	ackOffset    = 2     // NLMSGERR_ATTR_OFFS
)

// ackError is what the last message of an exchange says, nil when all is well.
func ackError(h netlink.Header, b []byte) error {
	if len(b) < 4 {
		if h.Type == netlink.Done {
			return nil
		}
		return fmt.Errorf("acknowledgement of %d bytes", len(b))
	}
	code := int32(binary.NativeEndian.Uint32(b))
	if code >= 0 {
		return nil
	}
	e := &netlink.OpError{Op: "receive", Err: syscall.Errno(-code), Sequence: h.Sequence}
	b = b[4:]
	if h.Type == netlink.Error && len(b) >= nlmsgHeaderLen {
		skip := nlmsgHeaderLen
		if h.Flags&flagCapped == 0 {
			skip = int(min(uint64(len(b)), (uint64(binary.NativeEndian.Uint32(b))+3)&^3))
		}
		b = b[skip:]
	}
	if h.Flags&flagAckAttrs == 0 {
		return e
	}
	for at, err := range Attrs(b) {
		if err != nil {
			break // the errno is what counts
		}
		switch at.Type {
		case ackText:
			e.Message = at.String()
		case ackOffset:
			v, _ := at.Uint32()
			e.Offset = int(v)
		}
	}
	return e
}
