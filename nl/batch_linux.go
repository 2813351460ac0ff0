// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// batchSlots is how many datagrams one system call fetches. 16 to 64 cost
	// the same per message, 8 a tenth more, 1 six tenths more.
	batchSlots = 64

	// BatchSlotSize holds the largest message psample or nlmon build (64 KiB of
	// attributes and the headers), rounded up to whole cache lines.
	BatchSlotSize = 67648
)

// ErrOverrun tells that the kernel dropped messages because a socket's receive
// buffer was full (ENOBUFS). The messages that were queued come next. A socket
// with NETLINK_NO_ENOBUFS set never reports it; ask Drops then.
var ErrOverrun = errors.New("receive buffer overrun: the kernel dropped messages")

// mmsghdr is struct mmsghdr, linux/socket.h. Go pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// Batch receives many netlink messages with one system call (recvmmsg), into
// an arena of its own and without allocating. It is for sockets that only
// listen: it must not be mixed with the Conn's Receive or Execute. One
// goroutine receives; Wake and Release may be called from any.
type Batch struct {
	conn  *netlink.Conn
	rc    syscall.RawConn
	size  int
	arena []byte
	hdrs  []mmsghdr
	iovs  []unix.Iovec
	n     int

	errno unix.Errno
	try   func(fd uintptr)
	wait  func(fd uintptr) bool

	mu   sync.Mutex      // of done and stop
	done <-chan struct{} // of the context that is being watched
	stop func() bool
	wake atomic.Bool

	meminfo    [unix.SK_MEMINFO_VARS]uint32
	meminfoLen uint32
	getDrops   func(fd uintptr)
	lastDrops  uint32
	drops      uint64
}

// NewBatch prepares batches of up to 64 messages of at most slotSize bytes
// each from c. The arena's memory is touched, and so taken, only as far as
// messages fill it.
func NewBatch(c *netlink.Conn, slotSize int) (*Batch, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, &Error{Op: "receive netlink messages", Err: errnoOf(err)}
	}
	if slotSize < nlmsgHeaderLen {
		return nil, fmt.Errorf("receive netlink messages: slots of %d bytes cannot hold a header", slotSize)
	}
	b := &Batch{
		conn:  c,
		rc:    rc,
		size:  slotSize,
		arena: make([]byte, batchSlots*slotSize),
		hdrs:  make([]mmsghdr, batchSlots),
		iovs:  make([]unix.Iovec, batchSlots),
	}
	for i := range b.hdrs {
		b.iovs[i].Base = &b.arena[i*slotSize]
		b.iovs[i].SetLen(slotSize)
		b.hdrs[i].hdr.Iov = &b.iovs[i]
		b.hdrs[i].hdr.SetIovlen(1)
	}
	b.try = b.recv
	b.wait = func(fd uintptr) bool {
		b.recv(fd)
		return b.errno != unix.EAGAIN
	}
	b.getDrops = func(fd uintptr) {
		_, _, b.errno = unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&b.meminfo[0])), uintptr(unsafe.Pointer(&b.meminfoLen)), 0)
	}
	return b, nil
}

// recv is one non-blocking recvmmsg. It never blocks, so that the scheduler
// need not be told of it (RawSyscall).
func (b *Batch) recv(fd uintptr) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
			uintptr(unsafe.Pointer(&b.hdrs[0])), uintptr(len(b.hdrs)), unix.MSG_DONTWAIT, 0, 0)
		b.n, b.errno = int(n), errno
		if errno != 0 {
			b.n = 0
		}
		if errno != unix.EINTR {
			return
		}
	}
}

// Try fetches what is queued, at most one batch, without waiting. It returns 0
// when nothing is. Messages of the previous batch become invalid.
func (b *Batch) Try() (int, error) {
	b.n = 0
	// Control and not Read: deadlines are set to end a wait, at any moment and
	// from anywhere, and this call does not wait.
	return b.received(b.rc.Control(b.try))
}

// Receive waits for messages and fetches at most one batch. Messages of the
// previous batch become invalid. It returns 0 without an error after Wake, the
// context's error when that ends first, and one that matches os.ErrClosed when
// the socket is closed.
func (b *Batch) Receive(ctx context.Context) (int, error) {
	b.watch(ctx)
	for {
		if err := ctx.Err(); err != nil {
			b.n = 0
			return 0, err
		}
		if b.wake.Swap(false) {
			b.n = 0
			return 0, nil
		}
		b.n = 0
		n, err := b.received(b.rc.Read(b.wait))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		// Clear the deadline first, look for its reason afterwards: what
		// comes in between sets it again.
		if err := b.conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, &Error{Op: "receive netlink messages", Err: err}
		}
	}
}

// received makes the outcome of a batch of what the runtime and the system call
// say.
func (b *Batch) received(err error) (int, error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	case err != nil:
		// What is left is that the socket was closed; the runtime's own error
		// for that cannot be told by errors.Is.
		return 0, fmt.Errorf("receive netlink messages: %w", os.ErrClosed)
	}
	switch b.errno {
	case 0, unix.EAGAIN:
		return b.n, nil
	case unix.ENOBUFS:
		return 0, ErrOverrun
	default:
		return 0, &Error{Op: "receive netlink messages", Err: b.errno}
	}
}

// Len is how many messages the last batch has.
func (b *Batch) Len() int { return b.n }

// Full tells that the last batch filled every slot, so that more is queued
// most likely.
func (b *Batch) Full() bool { return b.n == len(b.hdrs) }

// Message is the i-th datagram of the last batch: one netlink message, or
// several back to back. It is valid until the next Try or Receive. cut tells
// that it was larger than a slot and the rest is lost.
func (b *Batch) Message(i int) (msg []byte, cut bool) {
	h := &b.hdrs[i]
	start := i * b.size
	n := min(int(h.len), b.size)
	return b.arena[start : start+n : start+b.size], h.hdr.Flags&unix.MSG_TRUNC != 0
}

// Wake ends a Receive that waits, or the next one.
func (b *Batch) Wake() {
	b.wake.Store(true)
	// An error means the socket is closed, which ends the Receive as well.
	_ = b.conn.SetReadDeadline(time.Unix(1, 0))
}

// watch makes the end of ctx end a wait. One registration serves all calls
// with the same context.
func (b *Batch) watch(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop != nil {
		if b.done == ctx.Done() {
			return
		}
		b.stop()
	}
	b.done, b.stop = ctx.Done(), nil
	if b.done != nil {
		b.stop = context.AfterFunc(ctx, func() { _ = b.conn.SetReadDeadline(time.Unix(1, 0)) })
	}
}

// Release lets go of the context of the last Receive, which keeps the Batch in
// memory otherwise until it ends. It does not close the socket. It may be called
// from any goroutine.
func (b *Batch) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop != nil {
		b.stop()
		b.done, b.stop = nil, nil
	}
}

// Drops is how many messages the kernel has dropped since the socket was made
// because its receive buffer was full: SK_MEMINFO_DROPS of SO_MEMINFO, a
// 32-bit counter that is widened here, so it must be read once per 2^32 drops
// at least. Messages a socket filter refused are not among them.
func (b *Batch) Drops() (uint64, error) {
	b.meminfoLen = uint32(unsafe.Sizeof(b.meminfo))
	err := b.rc.Control(b.getDrops)
	if err == nil && b.errno != 0 {
		err = b.errno
	}
	if err != nil {
		return b.drops, &Error{Op: "read drop counter of netlink socket", Err: errnoOf(err)}
	}
	now := b.meminfo[unix.SK_MEMINFO_DROPS]
	b.drops += uint64(now - b.lastDrops)
	b.lastDrops = now
	return b.drops, nil
}
