// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/dpscope/dpscope/nl"
)

// dropCheckBatches is after how many batches in a row the drop counter is read.
// Reading it only when the queue runs empty would keep a reader that never
// catches up silent about its losses.
const dropCheckBatches = 16

// minMessageType is NLMSG_MIN_TYPE: below are netlink's own control messages.
const minMessageType = 16

// message cuts the next netlink message out of the batch.
func (l *Listener) message() (msg []byte, ok bool) {
	if len(l.msgs) == 0 {
		if l.slot >= l.batch.Len() {
			return nil, false
		}
		l.msgs, l.cut = l.batch.Message(l.slot)
		l.slot++
		if len(l.msgs) == 0 {
			return nil, true // judged, as too short, by Decode
		}
	}
	n := len(l.msgs)
	if n >= nlmsgHeaderLen {
		if m := int64(binary.NativeEndian.Uint32(l.msgs)); m >= nlmsgHeaderLen && m < int64(n) {
			n = int(min((m+3)&^3, int64(n)))
		}
	}
	msg, l.msgs = l.msgs[:n:n], l.msgs[n:]
	return msg, true
}

// errCut is why a message larger than a slot cannot be used.
var errCut = errors.New("message is larger than the receive slot and was cut")

// take decodes one message into l.sample; false without an error means that
// the message is none of the reader's business.
func (l *Listener) take(msg []byte) (bool, error) {
	if len(msg) >= nlmsgHeaderLen && binary.NativeEndian.Uint16(msg[4:]) < minMessageType {
		return false, nil
	}
	err := Decode(msg, &l.sample)
	if errors.Is(err, ErrNotSample) {
		return false, nil
	}
	l.stats.Received++
	switch {
	case err != nil:
		if l.cut {
			err = errCut
		}
		l.stats.Malformed++
		l.book.malformed++
		return false, &MalformedError{Err: err, Raw: msg}
	case !l.wants(l.sample.Group):
		l.stats.Filtered++
		return false, nil
	}
	l.stats.Delivered++
	l.book.observe(l.sample.Group, l.sample.Seq)
	return true, nil
}

func (l *Listener) wants(group uint32) bool {
	if len(l.groups) == 0 {
		return true
	}
	_, ok := slices.BinarySearch(l.groups, group)
	return ok
}

// fill gets the next batch, waiting if need be. It returns with nothing fetched
// when there is something to report.
func (l *Listener) fill(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Asked before the queue is looked at: once Stop has left the group, an
	// empty queue stays empty.
	stopped := l.isStopped()
	l.slot = 0
	n, err := l.batch.Try()
	switch {
	case errors.Is(err, nl.ErrOverrun):
		// Cannot be with NETLINK_NO_ENOBUFS; the drop counter has it anyway.
		return l.checkLoss(false)
	case err != nil:
		return l.closedOr(err)
	case n > 0:
		if l.unchecked++; l.unchecked < dropCheckBatches {
			return nil
		}
		return l.checkLoss(false)
	}
	// The queue is empty: settle accounts before waiting.
	if err := l.checkLoss(stopped); err != nil || len(l.pending) > 0 {
		return err
	}
	if stopped {
		return io.EOF
	}
	if err := l.lifecycle(); err != nil {
		return l.closedOr(err)
	}
	if len(l.pending) > 0 {
		return nil
	}
	if l.idle != nil {
		if err := l.idle(); err != nil {
			return err
		}
	}
	switch _, err = l.batch.Receive(ctx); {
	case errors.Is(err, nl.ErrOverrun):
		return l.checkLoss(false)
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return l.closedOr(err)
	}
	return nil
}

// checkLoss reads the drop counter and queues a report when it, or what is
// missing beyond it, has grown. end tells that nothing comes any more.
func (l *Listener) checkLoss(end bool) error {
	l.unchecked = 0
	if err := l.readDrops(); err != nil {
		return l.closedOr(err)
	}
	if e := l.book.loss(end); e != nil {
		l.pending = append(l.pending, e)
	}
	return nil
}

func (l *Listener) readDrops() error {
	d, err := l.batch.Drops()
	l.book.dropped = max(l.book.dropped, d)
	return err
}

// lifecycle acts on what the control socket heard: groups made anew, the
// module gone or back.
func (l *Listener) lifecycle() error {
	ev := l.ctl.take()
	for _, g := range ev.created {
		l.book.recreated(g)
	}
	if ev.removed {
		l.pending = append(l.pending, &ModuleError{})
	}
	if ev.loaded != nil {
		joined, err := l.rejoin(*ev.loaded)
		if err != nil {
			return err
		}
		if joined {
			l.book.restart()
			l.stats.Rejoins++
			l.pending = append(l.pending, &ModuleError{Loaded: true})
		}
	}
	return ev.err
}

// rejoin joins the group of a family that is back, unless Stop has been called:
// the lock keeps a Stop from leaving the group just before it is joined.
func (l *Listener) rejoin(fam nl.Family) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || l.closed {
		return false, nil
	}
	return true, l.join(fam)
}
