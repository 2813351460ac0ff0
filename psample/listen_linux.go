// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// DefaultReadBuffer is how much receive buffer Listen asks for: some 50 000 to
// 100 000 samples, a quarter of a second at 200 000 per second. Memory is taken
// only while samples are queued.
const DefaultReadBuffer = 64 << 20

// Config says what to listen to. The zero value listens to every group in the
// current network namespace.
type Config struct {
	// NetNS is the network namespace; nil stands for the current one. It must
	// stay open as long as the Listener is.
	NetNS *nl.NetNS
	// Groups are the psample groups wanted; empty means all.
	Groups []uint32
	// ReadBuffer is the size of the receive buffer in bytes,
	// DefaultReadBuffer when 0. With CAP_NET_ADMIN it is set whatever
	// net.core.rmem_max says; else the kernel grants what that allows (see
	// Listener.ReadBuffer).
	ReadBuffer int
	// Idle, if set, is called in Next when everything that was queued has
	// been handed out and it is about to wait: the place to flush output. An
	// error ends the stream.
	Idle func() error
}

// Listener receives samples. One goroutine uses it; only Close and Stop may be
// called from others.
type Listener struct {
	conn  *netlink.Conn
	batch *nl.Batch
	ctl   *control
	idle  func() error

	groups []uint32 // wanted, sorted; empty: all
	buffer int

	msgs      []byte  // what is left of the datagram being taken apart
	cut       bool    // it was cut short
	slot      int     // next datagram of the batch
	unchecked int     // batches since the drop counter was read
	pending   []error // notices to hand out
	err       error   // what ended the stream

	sample Sample
	book   book
	stats  Stats

	mu      sync.Mutex
	stopped bool
	closed  bool
}

// Listen joins psample's multicast group. When it returns, every sample from
// then on is received or counted as dropped.
//
// A kernel without psample gives an error that matches nl.ErrUnsupported; the
// lack of CAP_NET_ADMIN one that matches syscall.EPERM.
func Listen(cfg Config) (*Listener, error) {
	l := &Listener{groups: slices.Clone(cfg.Groups), idle: cfg.Idle}
	slices.Sort(l.groups)
	conn, err := nl.DialRaw(syscall.NETLINK_GENERIC, cfg.NetNS)
	if err != nil {
		return nil, err
	}
	l.conn = conn
	if err := l.open(cfg); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Listener) open(cfg Config) error {
	// With this option a full buffer costs only the messages that did not
	// fit; without it everything until the queue is empty. The price is that
	// the kernel keeps quiet about it, hence the drop counter.
	if err := l.conn.SetOption(netlink.NoENOBUFS, true); err != nil {
		return listenError("set NETLINK_NO_ENOBUFS", err)
	}
	want := cfg.ReadBuffer
	if want <= 0 {
		want = DefaultReadBuffer
	}
	if err := l.conn.SetReadBuffer(want); err != nil {
		return listenError("set receive buffer", err)
	}
	var err error
	if l.buffer, err = l.conn.ReadBuffer(); err != nil {
		return listenError("read receive buffer size", err)
	}
	if l.batch, err = nl.NewBatch(l.conn, nl.BatchSlotSize); err != nil {
		return err
	}
	// The control socket hears of the family before it is looked up, so that
	// a reload in between is not missed.
	if l.ctl, err = newControl(cfg.NetNS, l.batch.Wake); err != nil {
		return err
	}
	fam, err := nl.LookupFamily(cfg.NetNS, uapi.PSAMPLE_GENL_NAME, "psample")
	if err != nil {
		return err
	}
	if err := l.join(fam); err != nil {
		return err
	}
	l.ctl.start(fam)
	return nil
}

// join makes the data socket a member of the samples' multicast group.
func (l *Listener) join(fam nl.Family) error {
	id, ok := groupID(fam, uapi.PSAMPLE_NL_MCGRP_SAMPLE_NAME)
	if !ok {
		return &nl.UnsupportedError{
			Feature: fmt.Sprintf("multicast group %q of generic netlink family %q", uapi.PSAMPLE_NL_MCGRP_SAMPLE_NAME, fam.Name),
		}
	}
	if err := l.conn.JoinGroup(id); err != nil {
		return listenError("join multicast group psample/"+uapi.PSAMPLE_NL_MCGRP_SAMPLE_NAME, err)
	}
	return nil
}

func groupID(fam nl.Family, name string) (uint32, bool) {
	for _, g := range fam.Groups {
		if g.Name == name {
			return g.ID, true
		}
	}
	return 0, false
}

func listenError(op string, err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		err = errno
	}
	return &nl.Error{Op: op, Err: err}
}

// ReadBuffer is the size of the receive buffer as the kernel accounts it
// (twice what was asked for).
func (l *Listener) ReadBuffer() int { return l.buffer }

// Next returns the next sample. It and what it refers to are valid until the
// next call. An error that is a Notice is part of the stream; after any other
// the stream has ended: the context's error, io.EOF after Stop, os.ErrClosed
// after Close.
//
// A stream that ended with its context can be resumed with another one, for
// instance after Stop to read what is still queued.
func (l *Listener) Next(ctx context.Context) (*Sample, error) {
	if l.err != nil {
		return nil, l.err
	}
	for {
		if len(l.pending) > 0 {
			err := l.pending[0]
			l.pending = l.pending[1:]
			return nil, err
		}
		for {
			msg, ok := l.message()
			if !ok {
				break
			}
			if ok, err := l.take(msg); err != nil {
				return nil, err
			} else if ok {
				return &l.sample, nil
			}
		}
		if err := l.fill(ctx); err != nil {
			if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
				l.err = err
			}
			l.batch.Release() // or the context would keep the buffers alive
			return nil, err
		}
	}
}

// Samples is Next as an iterator. It ends without an error after Stop, with
// one that is no Notice otherwise.
func (l *Listener) Samples(ctx context.Context) iter.Seq2[*Sample, error] {
	return func(yield func(*Sample, error) bool) {
		for {
			s, err := l.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			var n Notice
			if !yield(s, err) || err != nil && !errors.As(err, &n) {
				return
			}
		}
	}
}

// Buffered tells that the next call of Next will not wait.
func (l *Listener) Buffered() bool {
	return len(l.pending) > 0 || len(l.msgs) > 0 || l.batch != nil && l.slot < l.batch.Len()
}

// Stop leaves the multicast group: nothing new arrives, Next hands out what is
// queued and then returns io.EOF. It may be called from another goroutine.
func (l *Listener) Stop() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || l.closed {
		return nil
	}
	l.stopped = true
	defer l.batch.Wake()
	id, ok := groupID(l.ctl.current(), uapi.PSAMPLE_NL_MCGRP_SAMPLE_NAME)
	if !ok {
		return nil // the module is gone, and the membership with it
	}
	if err := l.conn.LeaveGroup(id); err != nil && !errors.Is(err, syscall.EINVAL) {
		return listenError("leave multicast group psample/"+uapi.PSAMPLE_NL_MCGRP_SAMPLE_NAME, err)
	}
	return nil
}

func (l *Listener) isStopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// closedOr turns an error that came of Close into os.ErrClosed.
func (l *Listener) closedOr(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return os.ErrClosed
	}
	return err
}

// Close ends the stream at once; what is queued is lost. A Next that waits
// returns os.ErrClosed.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.ctl != nil {
		l.ctl.close()
	}
	err := l.conn.Close()
	if l.batch != nil {
		l.batch.Release()
	}
	return err
}

// Stats returns what was counted so far. It is to be called by the goroutine
// that calls Next, or after that has ended.
func (l *Listener) Stats() Stats {
	_ = l.readDrops() // a closed socket keeps its last count
	s := l.stats
	s.Dropped = l.book.dropped
	s.Vanished = l.book.vanished()
	s.UntrackedGroups = l.book.untracked
	s.Groups = l.book.groupStats()
	return s
}
