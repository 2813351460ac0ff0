// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// userSocket opens a NETLINK_USERSOCK receiver: the one netlink protocol by
// which unprivileged processes may send to each other.
func userSocket(t *testing.T, slot int) (*netlink.Conn, *Batch) {
	t.Helper()
	c, err := netlink.Dial(unix.NETLINK_USERSOCK, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	b, err := NewBatch(c, slot)
	if err != nil {
		t.Fatal(err)
	}
	return c, b
}

// sender returns a function that sends raw bytes to a port or multicast group.
func sender(t *testing.T) func(to unix.SockaddrNetlink, msg []byte) error {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_USERSOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return func(to unix.SockaddrNetlink, msg []byte) error {
		to.Family = unix.AF_NETLINK
		err := unix.Sendto(fd, msg, 0, &to)
		if to.Groups != 0 && errors.Is(err, unix.ECONNREFUSED) {
			return nil // after the multicast, which nobody unicast listens to
		}
		return err
	}
}

func numbered(i, size int) []byte {
	b := make([]byte, size)
	binary.NativeEndian.PutUint32(b, uint32(size))
	binary.NativeEndian.PutUint32(b[12:], uint32(i))
	return b
}

func TestBatchReceivesInOrder(t *testing.T) {
	c, b := userSocket(t, 4096)
	send := sender(t)
	const total = 150
	got := 0
	for got < total {
		for i := range min(100, total-got) {
			if err := send(unix.SockaddrNetlink{Pid: c.PID()}, numbered(got+i, 16+i)); err != nil {
				t.Fatal(err)
			}
		}
		for want := min(100, total-got); want > 0; {
			n, err := b.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n > batchSlots || n != b.Len() || b.Full() != (n == batchSlots) {
				t.Fatalf("batch of %d, Len %d, Full %v", n, b.Len(), b.Full())
			}
			for i := range n {
				msg, cut := b.Message(i)
				if seq := int(binary.NativeEndian.Uint32(msg[12:])); seq != got || cut || len(msg) != int(binary.NativeEndian.Uint32(msg)) {
					t.Fatalf("message %d: sequence %d, %d bytes, cut %v", got, seq, len(msg), cut)
				}
				got++
				want--
			}
		}
	}
	if n, err := b.Try(); n != 0 || err != nil {
		t.Errorf("empty queue gives %d, %v", n, err)
	}
}

func TestBatchCutMessage(t *testing.T) {
	c, b := userSocket(t, 64)
	send := sender(t)
	for i, size := range []int{64, 65, 20} {
		if err := send(unix.SockaddrNetlink{Pid: c.PID()}, numbered(i, size)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := b.Receive(t.Context()); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	for i, want := range []struct {
		n   int
		cut bool
	}{{64, false}, {64, true}, {20, false}} {
		msg, cut := b.Message(i)
		if len(msg) != want.n || cut != want.cut {
			t.Errorf("message %d: %d bytes, cut %v", i, len(msg), cut)
		}
	}
}

func TestBatchContext(t *testing.T) {
	c, b := userSocket(t, 4096)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		start := time.Now()
		_, err := b.Receive(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
			t.Fatalf("error %v after %v", err, time.Since(start))
		}
		cancel()
	}
	// A context that ended does not spoil the next call.
	send := sender(t)
	time.AfterFunc(20*time.Millisecond, func() { _ = send(unix.SockaddrNetlink{Pid: c.PID()}, numbered(1, 32)) })
	if n, err := b.Receive(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d messages, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	b.Release()
}

func TestBatchWake(t *testing.T) {
	c, b := userSocket(t, 4096)
	// Before the wait, and during it.
	b.Wake()
	if n, err := b.Receive(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d messages, %v", n, err)
	}
	time.AfterFunc(20*time.Millisecond, b.Wake)
	if n, err := b.Receive(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d messages, %v", n, err)
	}
	// Try does not swallow it.
	b.Wake()
	if n, err := b.Try(); n != 0 || err != nil {
		t.Fatalf("%d messages, %v", n, err)
	}
	if n, err := b.Receive(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d messages, %v", n, err)
	}
	// Messages that are there are not kept back by it.
	if err := sender(t)(unix.SockaddrNetlink{Pid: c.PID()}, numbered(1, 32)); err != nil {
		t.Fatal(err)
	}
	b.Wake()
	if n, err := b.Try(); n != 1 || err != nil {
		t.Fatalf("%d messages, %v", n, err)
	}
}

// TestBatchTryAmidWakes: the deadline that ends a wait is none of Try's
// business, however often and whenever it is set.
func TestBatchTryAmidWakes(t *testing.T) {
	_, b := userSocket(t, 4096)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					b.Wake()
				}
			}
		})
	}
	for i := range 50_000 {
		if n, err := b.Try(); n != 0 || err != nil {
			t.Errorf("call %d: %d messages, %v", i+1, n, err)
			break
		}
	}
	close(done)
	wg.Wait()
	if n, err := b.Receive(t.Context()); n != 0 || err != nil {
		t.Errorf("Try swallowed the wake: %d messages, %v", n, err)
	}
}

func TestBatchClosed(t *testing.T) {
	c, b := userSocket(t, 4096)
	time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() })
	for {
		n, err := b.Receive(t.Context())
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("error %v", err)
			}
			return
		}
		if n != 0 {
			t.Fatalf("%d messages out of nowhere", n)
		}
	}
}

func TestBatchDoesNotAllocate(t *testing.T) {
	c, b := userSocket(t, 4096)
	send := sender(t)
	msg := numbered(1, 256)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	to := &unix.SockaddrNetlink{Pid: c.PID()}
	sent := func() { // counted apart: Sendto allocates
		if err := send(*to, msg); err != nil {
			t.Fatal(err)
		}
	}
	alone := testing.AllocsPerRun(100, sent)
	for {
		if n, _ := b.Try(); n == 0 {
			break
		}
	}
	with := testing.AllocsPerRun(100, func() {
		sent()
		if n, err := b.Receive(ctx); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if m, _ := b.Message(0); !bytes.Equal(m, msg) {
			t.Fatal("other message")
		}
		if n, err := b.Try(); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if _, err := b.Drops(); err != nil {
			t.Fatal(err)
		}
	})
	if with > alone {
		t.Errorf("%v allocations per message, %v of them for sending", with, alone)
	}
}

// TestBatchDrops checks the identity the loss accounting stands on: received +
// dropped = sent, exactly, also for a reader that is far behind.
func TestBatchDrops(t *testing.T) {
	c, b := userSocket(t, 4096)
	const group = 5
	if err := c.JoinGroup(group); err != nil {
		if errors.Is(err, unix.EPERM) {
			t.Skip("joining a multicast group needs CAP_NET_ADMIN")
		}
		t.Fatal(err)
	}
	if err := c.SetOption(netlink.NoENOBUFS, true); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	send := sender(t)
	const total = 5000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range total {
			// A multicast sender yields to a receiver that is half full and is
			// told of none that dropped.
			if err := send(unix.SockaddrNetlink{Groups: 1 << (group - 1)}, numbered(i, 512)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	received := uint64(0)
	for done := false; !done; {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		n, err := b.Receive(ctx)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			wg.Wait()
			n, err = b.Try()
			done = n == 0 && err == nil
		case err != nil:
			t.Fatal(err)
		}
		received += uint64(n)
		time.Sleep(time.Millisecond)
	}
	drops, err := b.Drops()
	if err != nil {
		t.Fatal(err)
	}
	if received+drops != total || drops == 0 {
		t.Errorf("received %d + dropped %d != sent %d", received, drops, total)
	}
}

func TestBatchOverrunIsAnEvent(t *testing.T) {
	c, b := userSocket(t, 4096)
	const group = 6
	if err := c.JoinGroup(group); err != nil {
		t.Skip("joining a multicast group needs CAP_NET_ADMIN")
	}
	if err := c.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	send := sender(t)
	for i := range 50 {
		if err := send(unix.SockaddrNetlink{Groups: 1 << (group - 1)}, numbered(i, 512)); err != nil && !errors.Is(err, unix.ENOBUFS) {
			t.Fatal(err)
		}
	}
	if _, err := b.Receive(t.Context()); !errors.Is(err, ErrOverrun) {
		t.Fatalf("error %v, want the overrun first", err)
	}
	if n, err := b.Receive(t.Context()); n == 0 || err != nil {
		t.Errorf("%d messages, %v: reading does not go on", n, err)
	}
}
