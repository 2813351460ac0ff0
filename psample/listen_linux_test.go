// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// userListener is a Listener on a NETLINK_USERSOCK socket: everything but the
// family itself, without a kernel module and without privilege.
func userListener(t *testing.T, cfg Config) (*Listener, func(...[]byte)) {
	t.Helper()
	dial := func() *netlink.Conn {
		c, err := netlink.Dial(unix.NETLINK_USERSOCK, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	l := &Listener{conn: dial(), groups: slices.Sorted(slices.Values(cfg.Groups)), idle: cfg.Idle}
	t.Cleanup(func() { _ = l.Close() })
	var err error
	if l.batch, err = nl.NewBatch(l.conn, nl.BatchSlotSize); err != nil {
		t.Fatal(err)
	}
	l.ctl = &control{conn: dial(), wake: l.batch.Wake}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_USERSOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: l.conn.PID()}
	return l, func(msgs ...[]byte) {
		t.Helper()
		for _, m := range msgs {
			if err := unix.Sendto(fd, m, 0, to); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// drain stops the listener and collects what it hands out.
func drain(t *testing.T, l *Listener) (groups []uint32, notices []string) {
	t.Helper()
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	for s, err := range l.Samples(t.Context()) {
		var n Notice
		switch {
		case errors.As(err, &n):
			notices = append(notices, n.Error())
		case err != nil:
			t.Fatal(err)
		default:
			groups = append(groups, s.Group)
		}
	}
	return groups, notices
}

func TestListenerFiltersAndCounts(t *testing.T) {
	l, send := userListener(t, Config{Groups: []uint32{9, 5}})
	group := kernelSample(5, 0)
	group.cmd = uapi.PSAMPLE_CMD_DEL_GROUP
	bad := new(message).u32(uapi.PSAMPLE_ATTR_SAMPLE_RATE, 1).build()
	ack := kernelSample(5, 0).build()
	binary.NativeEndian.PutUint16(ack[4:], 2) // NLMSG_ERROR
	both := append(kernelSample(9, 0).build(), kernelSample(5, 1).build()...)
	send(kernelSample(5, 0).build(), kernelSample(6, 0).build(), group.build(), bad, ack, both)
	groups, notices := drain(t, l)
	if d := cmp.Diff([]uint32{5, 9, 5}, groups); d != "" {
		t.Error(d)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "PSAMPLE_ATTR_SAMPLE_GROUP") {
		t.Errorf("notices %q", notices)
	}
	want := Stats{Received: 5, Delivered: 3, Filtered: 1, Malformed: 1, Groups: map[uint32]GroupStats{
		5: {Received: 2}, 9: {Received: 1},
	}}
	if d := cmp.Diff(want, l.Stats()); d != "" {
		t.Error(d)
	}
	if _, err := l.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestListenerReportsGapsOnce(t *testing.T) {
	l, send := userListener(t, Config{})
	send(kernelSample(1, 7).build(), kernelSample(1, 11).build(), kernelSample(1, 12).build())
	groups, notices := drain(t, l)
	if len(groups) != 3 || len(notices) != 1 || !strings.Contains(notices[0], "group 1: 3") {
		t.Errorf("groups %v, notices %q", groups, notices)
	}
	if st := l.Stats(); st.Vanished != 3 || st.Lost() != 3 {
		t.Errorf("%+v", st)
	}
}

func TestListenerHostileDatagrams(t *testing.T) {
	l, send := userListener(t, Config{})
	short := kernelSample(1, 0).build()
	binary.NativeEndian.PutUint32(short, 1<<31)
	zero := kernelSample(1, 0).build()
	binary.NativeEndian.PutUint32(zero, 0)
	send([]byte{1}, make([]byte, 15), short, zero, kernelSample(1, 0).build()[:40], kernelSample(2, 0).build())
	groups, notices := drain(t, l)
	if d := cmp.Diff([]uint32{2}, groups); d != "" || len(notices) != 5 {
		t.Errorf("%s; notices %q", d, notices)
	}
}

func TestListenerContextAndResume(t *testing.T) {
	l, send := userListener(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	send(kernelSample(3, 0).build())
	if _, err := l.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("ended context: error %v", err)
	}
	if groups, _ := drain(t, l); len(groups) != 1 {
		t.Errorf("what was queued is gone: %v", groups)
	}
}

// A context that ends between two batches must not bring the last one again.
func TestListenerContextEndsBetweenBatches(t *testing.T) {
	l, send := userListener(t, Config{})
	send(kernelSample(5, 0).build(), kernelSample(5, 1).build())
	for want := range 2 {
		if s, err := l.Next(t.Context()); err != nil || s.Seq != uint32(want) {
			t.Fatalf("sample %d: %v, %v", want, s, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Next(over); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's error", err)
	}
	if groups, _ := drain(t, l); len(groups) > 0 {
		t.Errorf("%d samples came twice", len(groups))
	}
	if st := l.Stats(); st.Received != 2 {
		t.Errorf("received %d, want 2", st.Received)
	}
}

// watchedContext counts who wants to hear of its end.
type watchedContext struct {
	context.Context
	done     chan struct{}
	watchers atomic.Int32
}

func (c *watchedContext) Done() <-chan struct{} { return c.done }

func (c *watchedContext) AfterFunc(func()) func() bool {
	c.watchers.Add(1)
	return func() bool { c.watchers.Add(-1); return true }
}

// TestListenerLetsGoOfContext: a listener that is done with must not hang on a
// context that lives as long as the program.
func TestListenerLetsGoOfContext(t *testing.T) {
	for name, end := range map[string]func(*Listener) error{
		"Stop and io.EOF": (*Listener).Stop,
		"Close alone":     (*Listener).Close,
	} {
		t.Run(name, func(t *testing.T) {
			l, send := userListener(t, Config{})
			ctx := &watchedContext{Context: t.Context(), done: make(chan struct{})}
			time.AfterFunc(20*time.Millisecond, func() { send(kernelSample(1, 0).build()) })
			if _, err := l.Next(ctx); err != nil || ctx.watchers.Load() != 1 {
				t.Fatalf("%v, %d watchers: the test does not see them", err, ctx.watchers.Load())
			}
			if err := end(l); err != nil {
				t.Fatal(err)
			}
			if name != "Close alone" {
				if _, err := l.Next(ctx); !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			}
			if n := ctx.watchers.Load(); n != 0 {
				t.Errorf("%d watchers are left", n)
			}
		})
	}
}

func TestListenerStopFromElsewhere(t *testing.T) {
	l, _ := userListener(t, Config{})
	time.AfterFunc(20*time.Millisecond, func() { _ = l.Stop() })
	if _, err := l.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("error %v", err)
	}
}

func TestListenerCloseFromElsewhere(t *testing.T) {
	l, _ := userListener(t, Config{})
	time.AfterFunc(20*time.Millisecond, func() { _ = l.Close() })
	if _, err := l.Next(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
	l.Stats() // keeps working
}

func TestListenerIdle(t *testing.T) {
	idle := 0
	full := errors.New("output is full")
	l, send := userListener(t, Config{Idle: func() error {
		if idle++; idle == 2 {
			return full
		}
		return nil
	}})
	send(kernelSample(1, 0).build(), kernelSample(1, 1).build())
	for i := range 2 {
		if _, err := l.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := i == 0; l.Buffered() != want {
			t.Errorf("after sample %d: Buffered %v", i, l.Buffered())
		}
	}
	if idle != 0 {
		t.Error("idle while samples were queued")
	}
	time.AfterFunc(20*time.Millisecond, l.batch.Wake)
	if _, err := l.Next(t.Context()); !errors.Is(err, full) || idle != 2 {
		t.Errorf("error %v, idle %d times", err, idle)
	}
}

func TestListenerModuleEvents(t *testing.T) {
	l, send := userListener(t, Config{})
	send(kernelSample(1, 70).build())
	if _, err := l.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.ctl.removed()
	var m *ModuleError
	if _, err := l.Next(t.Context()); !errors.As(err, &m) || m.Loaded {
		t.Fatalf("error %v", err)
	}
	back := nl.Family{ID: 30, Name: "psample", Groups: nil}
	l.ctl.events.loaded = &back
	if _, err := l.Next(t.Context()); !errors.Is(err, nl.ErrUnsupported) {
		t.Fatalf("family without the group: %v", err)
	}
}

func TestListenerDoesNotAllocate(t *testing.T) {
	l, send := userListener(t, Config{Groups: []uint32{1}})
	msg := kernelSample(1, 0).build()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seq := uint32(0)
	next := func() []byte {
		binary.NativeEndian.PutUint32(msg[attrsAt+8+8+8+8+8+4:], seq)
		seq++
		return msg
	}
	alone := testing.AllocsPerRun(64, func() { send(next()) })
	seq = 0
	for l.Buffered() || seq < 65 {
		if _, err := l.Next(ctx); err != nil {
			t.Fatal(err)
		}
		seq++
	}
	with := testing.AllocsPerRun(100, func() {
		send(next())
		if s, err := l.Next(ctx); err != nil || s.Seq != seq-1 {
			t.Fatal(err)
		}
	})
	if with > alone {
		t.Errorf("%v allocations per sample, %v of them for sending", with, alone)
	}
}

func TestListenWithoutModule(t *testing.T) {
	l, err := Listen(Config{})
	if err == nil {
		_ = l.Close()
		t.Skip("this kernel has psample and we may listen")
	}
	if !errors.Is(err, nl.ErrUnsupported) && !errors.Is(err, unix.EPERM) {
		t.Fatal(err)
	}
	if errors.Is(err, nl.ErrUnsupported) && !strings.Contains(err.Error(), "modprobe psample") {
		t.Errorf("no advice in %q", err)
	}
}
