// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// linkRequest asks rtnetlink for a link, or for all in a dump: every Linux
// answers that without privileges.
func linkRequest(index int32) Request {
	data := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(data[4:], uint32(index))
	return Request{Op: "get link", Object: "lo", Type: unix.RTM_GETLINK, Data: data, AttrsAt: unix.SizeofIfInfomsg}
}

func routeConn(t *testing.T) *Conn {
	t.Helper()
	c, err := Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestExecuteLeavesNothingInTheSocket(t *testing.T) {
	c, ctx := routeConn(t), context.Background()
	for range 3 {
		msgs, err := c.Execute(ctx, linkRequest(1))
		if err != nil || len(msgs) != 1 || msgs[0].Header.Type != unix.RTM_NEWLINK {
			t.Fatalf("got %d messages, %v", len(msgs), err)
		}
		n := 0
		for _, err := range c.Dump(ctx, linkRequest(0)) {
			if err != nil {
				t.Fatalf("dump after a request: %v", err)
			}
			n++
		}
		if n == 0 {
			t.Error("the dump is empty")
		}
	}
	if c.stale {
		t.Error("successful exchanges left the connection stale")
	}
}

func TestExecuteAfterError(t *testing.T) {
	c, ctx := routeConn(t), context.Background()
	_, err := c.Execute(ctx, linkRequest(1<<30))
	var e *Error
	if !errors.Is(err, syscall.ENODEV) || !errors.As(err, &e) || e.Op != "get link" {
		t.Fatalf("got %v, want ENODEV", err)
	}
	if _, err := c.Execute(ctx, linkRequest(1)); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

func TestDumpStoppedEarly(t *testing.T) {
	c, ctx := routeConn(t), context.Background()
	for _, err := range c.Dump(ctx, linkRequest(0)) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if _, err := c.Execute(ctx, linkRequest(1)); err != nil {
		t.Errorf("the next request: %v", err)
	}
	if msgs, err := c.DumpAll(ctx, linkRequest(0)); err != nil || len(msgs) == 0 {
		t.Errorf("the next dump: %d, %v", len(msgs), err)
	}
}

func TestContextEndsAnExchange(t *testing.T) {
	c := routeConn(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Execute(ctx, linkRequest(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
	// A socket nobody answers on: the wait ends with the context.
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := c.exchange(ctx, linkRequest(1), 0, func(nc *netlink.Conn) error {
		_, err := nc.Receive()
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	if _, err := c.Execute(context.Background(), linkRequest(1)); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

func TestRequestErrorNamesTheAttribute(t *testing.T) {
	r := Request{
		Op: "add flow", Object: "datapath dp0",
		Data:    AppendUint32(make([]byte, 8), 3, 7),
		AttrsAt: 8, Spec: &AttrSpec{Names: map[uint16]string{3: "OVS_FLOW_ATTR_ACTIONS"}},
	}
	err := r.wrap(&netlink.OpError{Op: "receive", Err: syscall.EINVAL, Message: "no", Offset: 16 + 8, Sequence: 1})
	if got, want := err.Error(), "add flow datapath dp0: invalid argument: no [OVS_FLOW_ATTR_ACTIONS]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, off := range []int{0, 3, 20, 1 << 20, -5} {
		_ = r.wrap(&netlink.OpError{Err: syscall.EINVAL, Offset: off}).Error()
	}
}

// TestContextEndsAsAnExchangeDoes ends contexts at any moment of an exchange:
// neither the end of one call's context nor a Close may reach into what comes
// after (run with -race).
func TestContextEndsAsAnExchangeDoes(t *testing.T) {
	c := routeConn(t)
	for i := range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			time.Sleep(time.Duration(i%50) * time.Microsecond)
			cancel()
		}()
		_, err := c.DumpAll(ctx, linkRequest(0))
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("dump %d: %v", i, err)
		}
		if _, err := c.Execute(context.Background(), linkRequest(1)); err != nil {
			t.Fatalf("request after dump %d: %v", i, err)
		}
	}
}

// TestExecuteKnowsTheOutcome: the kernel has carried a request out by the time
// it is sent, so a context that ends right then must not hide that.
func TestExecuteKnowsTheOutcome(t *testing.T) {
	c := routeConn(t)
	ctx, cancel := context.WithCancel(context.Background())
	err := c.exchange(ctx, linkRequest(1), answerGrace, func(nc *netlink.Conn) error {
		r := linkRequest(1)
		_, err := nc.Send(r.message(netlink.Acknowledge))
		cancel()
		time.Sleep(5 * time.Millisecond) // the context's end has reached the socket
		if err == nil {
			_, err = nc.Receive()
		}
		return err
	})
	if err != nil {
		t.Errorf("an answer that was there: %v", err)
	}
}

func TestCloseIsFinal(t *testing.T) {
	c := routeConn(t)
	for range c.Dump(context.Background(), linkRequest(0)) {
		break // leaves the connection stale: the next call would reconnect
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Execute(context.Background(), linkRequest(1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a request after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestCloseWhileReconnecting(t *testing.T) {
	for range 200 {
		c := routeConn(t)
		go func() { _ = c.Close() }()
		for range 5 {
			for range c.Dump(context.Background(), linkRequest(0)) {
				break
			}
		}
	}
}
