// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests"
)

// ethPAll is ETH_P_ALL, linux/if_ether.h.
const ethPAll = 3

func htons(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// packetSocket opens an AF_PACKET socket on a device. proto 0 receives
// nothing.
func packetSocket(t *selftests.T, d Dev, proto uint16) int {
	fd := -1
	err := d.NS.Do(func() error {
		var err error
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(proto), Ifindex: int(d.Index)})
	})
	if fd >= 0 {
		t.Cleanup(func() { _ = unix.Close(fd) })
	}
	if err != nil {
		t.Fatalf("open packet socket on %s: %v", d.Name, err)
	}
	return fd
}

// Sender sends raw frames out of a device.
type Sender struct {
	t       *selftests.T
	dev     Dev
	fd      int
	backlog *backlog
}

// NewSender opens a Sender that closes with the case.
func NewSender(t *selftests.T, d Dev) *Sender {
	s := &Sender{t: t, dev: d, fd: packetSocket(t, d, 0), backlog: openBacklog()}
	t.Cleanup(s.backlog.close)
	return s
}

// mmsghdr is struct mmsghdr, linux/socket.h.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32 // the compiler pads it as C does
}

const (
	// sendBatch is how many frames one system call sends: system calls are
	// what costs in a user-mode kernel.
	sendBatch = 64
	// sendAhead is how many frames are sent before it is made sure that they
	// were received. It is less than a backlog holds.
	sendAhead = 8 * sendBatch
)

// Send sends a frame n times and returns when the other end has processed
// them, as far as the kernel tells. The calling thread has to be pinned.
func (s *Sender) Send(frame []byte, n int) {
	if err := s.TrySend(frame, n); err != nil {
		s.t.Fatalf("%v", err)
	}
}

// TrySend is Send for goroutines that must not end the case.
func (s *Sender) TrySend(frame []byte, n int) error {
	return s.send(n, func(int) []byte { return frame })
}

// SendEach is Send of different frames, in their order.
func (s *Sender) SendEach(frames [][]byte) {
	if err := s.send(len(frames), func(i int) []byte { return frames[i] }); err != nil {
		s.t.Fatalf("%v", err)
	}
}

// send sends frames 0 to n-1.
func (s *Sender) send(n int, frame func(i int) []byte) error {
	var (
		iovs [sendBatch]unix.Iovec
		msgs [sendBatch]mmsghdr
	)
	for i := range msgs {
		msgs[i].hdr.Iov = &iovs[i]
		msgs[i].hdr.SetIovlen(1)
	}
	for done, ahead := 0, 0; done < n; {
		batch := min(n-done, sendBatch)
		for i := range batch {
			f := frame(done + i)
			iovs[i].Base = &f[0]
			iovs[i].SetLen(len(f))
		}
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&msgs[0])), uintptr(batch), 0, 0, 0)
		switch errno {
		case 0:
			done += int(sent)
			if ahead += int(sent); ahead >= sendAhead || done == n {
				s.backlog.settle()
				ahead = 0
			}
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			if err := pollFD(s.t, s.fd, unix.POLLOUT, time.Second); err != nil {
				return fmt.Errorf("send on %s: %w", s.dev.Name, err)
			}
		default:
			return fmt.Errorf("send on %s: %w", s.dev.Name, errno)
		}
	}
	return nil
}

// Receiver receives the frames a device takes in.
type Receiver struct {
	t   *selftests.T
	dev Dev
	fd  int
}

// receiveBuffer holds the frames of a case until it reads them.
const receiveBuffer = 64 << 20

// NewReceiver opens a Receiver that closes with the case. Frames that come in
// from now on are kept for it.
func NewReceiver(t *selftests.T, d Dev) *Receiver {
	fd := packetSocket(t, d, ethPAll)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		t.Fatalf("enlarge receive buffer on %s: %v", d.Name, err)
	}
	return &Receiver{t: t, dev: d, fd: fd}
}

// linger is how long more than what was expected is waited for.
const linger = 20 * time.Millisecond

// patience bounds the wait for packets and samples; they take microseconds
// where they come at all.
const patience = 5 * time.Second

// Take waits for n frames and then a moment for frames too many, and returns
// all that came.
func (r *Receiver) Take(n int) [][]byte {
	var out [][]byte
	buf := make([]byte, 70000)
	deadline := time.Now().Add(patience)
	for {
		size, from, err := unix.Recvfrom(r.fd, buf, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
				continue // what the device itself sends
			}
			out = append(out, bytes.Clone(buf[:size]))
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			left := linger
			if len(out) < n {
				left = time.Until(deadline)
			}
			if left <= 0 {
				return out
			}
			switch err := pollFD(r.t, r.fd, unix.POLLIN, left); {
			case errors.Is(err, errPollTimeout):
				return out
			case err != nil:
				r.t.Fatalf("receive on %s: %v", r.dev.Name, err)
			}
		default:
			r.t.Fatalf("receive on %s: %v", r.dev.Name, err)
		}
	}
}

// Expect takes n frames and fails the case unless exactly n came and all of
// them are want, byte by byte.
func (r *Receiver) Expect(n int, want []byte) {
	got := r.Take(n)
	if len(got) != n {
		r.t.Errorf("%s received %d frames, want %d", r.dev.Name, len(got), n)
	}
	for i, g := range got {
		if !bytes.Equal(g, want) {
			r.t.Errorf("%s received a frame of %d bytes as number %d, want %d bytes\n got %x\nwant %x", r.dev.Name, len(g), i+1, len(want), g, want)
			return
		}
	}
}

var errPollTimeout = errors.New("nothing came in time")

// pollFD waits for an event on a descriptor in short steps, so that the case's
// end is noticed.
func pollFD(t *selftests.T, fd int, events int16, d time.Duration) error {
	const step = 100 * time.Millisecond
	deadline := time.Now().Add(d)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return errPollTimeout
		}
		p := []unix.PollFd{{Fd: int32(fd), Events: events}}
		ms := max(1, int(min(left, step)/time.Millisecond))
		n, err := unix.Poll(p, ms)
		if cerr := t.Context().Err(); cerr != nil {
			return cerr
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if n > 0 {
			return nil
		}
	}
}
