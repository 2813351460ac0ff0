// SPDX-License-Identifier: Apache-2.0

package nltest

import (
	"errors"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
)

// socket is a netlink socket of a Kernel.
type socket struct {
	kernel *Kernel
	family int
	pid    uint32

	mu       sync.Mutex
	changed  *sync.Cond
	queued   []netlink.Message
	failure  error // what the next read reports
	closed   bool
	deadline time.Time
	timer    *time.Timer
}

func newSocket(k *Kernel, family int, pid uint32) *socket {
	s := &socket{kernel: k, family: family, pid: pid}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *socket) queue(failure error, ms ...netlink.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failure != nil {
		s.failure = failure
	}
	s.queued = append(s.queued, ms...)
	s.changed.Broadcast()
}

func (s *socket) Send(m netlink.Message) error {
	s.kernel.handle(s, m)
	return nil
}

func (s *socket) SendMessages(ms []netlink.Message) error {
	for _, m := range ms {
		s.kernel.handle(s, m)
	}
	return nil
}

// Receive waits for messages like a real socket: until there are some, the
// deadline passes or the socket is closed.
func (s *socket) Receive() ([]netlink.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed:
			return nil, os.ErrClosed
		case s.failure != nil:
			err := s.failure
			s.failure = nil
			return nil, err
		case len(s.queued) > 0:
			ms := s.queued
			s.queued = nil
			return ms, nil
		case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
			return nil, os.ErrDeadlineExceeded
		}
		s.changed.Wait()
	}
}

func (s *socket) ReceiveIter() iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		ms, err := s.Receive()
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

func (s *socket) Close() error {
	s.kernel.mu.Lock()
	delete(s.kernel.members, s)
	s.kernel.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.changed.Broadcast()
	return nil
}

func (s *socket) JoinGroup(group uint32) error  { return s.member(group, true) }
func (s *socket) LeaveGroup(group uint32) error { return s.member(group, false) }

func (s *socket) member(group uint32, is bool) error {
	s.kernel.mu.Lock()
	defer s.kernel.mu.Unlock()
	groups := s.kernel.members[s]
	if groups == nil {
		return os.ErrClosed
	}
	groups[group] = is
	return nil
}

func (s *socket) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// SetWriteDeadline does nothing: sending never waits.
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

func (s *socket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.deadline = t
	if !t.IsZero() {
		s.timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		})
	}
	s.changed.Broadcast()
	return nil
}

func (s *socket) SetOption(netlink.ConnOption, bool) error { return nil }
func (s *socket) SetReadBuffer(int) error                  { return nil }
func (s *socket) SetWriteBuffer(int) error                 { return nil }
func (s *socket) ReadBuffer() (int, error)                 { return 0, errNoBuffer }
func (s *socket) WriteBuffer() (int, error)                { return 0, errNoBuffer }

var errNoBuffer = errors.New("a socket of a test's kernel has no buffers")
