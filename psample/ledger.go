// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"cmp"
	"maps"
	"slices"
)

// maxGroups bounds the ledgers: group numbers come from whoever may install
// sample actions.
const maxGroups = 1 << 16

// lateWindow is how far behind a sequence number may be and still count as
// late rather than as a count that started over. CPUs deliver concurrently.
const lateWindow = 1024

// ledger follows one group's sequence numbers.
type ledger struct {
	next    uint32 // sequence number expected
	started bool
	based   bool // on a number other than 0, since started
	zero    bool // the last sample carried 0 where another number was due
	// mayReset tells that the kernel announced the group as created anew: a
	// count that fell to half started over, and is not late.
	mayReset bool
	zeros    uint64
	nonZero  uint64

	received, missing, duplicates, resets uint64
	reported                              uint64 // missing at the last report
}

// observe takes the sequence number of a sample that was delivered and returns
// by how much the count of missing numbers changed.
func (l *ledger) observe(seq uint32) int64 {
	l.received++
	if seq == 0 {
		l.zeros++
	} else {
		l.nonZero++
	}
	if !l.started || !l.based && seq != 0 && seq != l.next {
		// Zeros may have been Open vSwitch's: also the first other number
		// starts the count.
		l.started, l.based, l.next, l.zero, l.mayReset = true, seq != 0, seq+1, false, false
		return 0
	}
	l.based = l.based || seq != 0
	if seq == 0 && l.next != 0 {
		// Either Open vSwitch, which counts nothing and may share the group
		// number with a tc action, or a group that was re-created; the next
		// sample tells.
		l.zero = true
		return 0
	}
	afterZero := l.zero
	l.zero = false
	d := int32(seq - l.next)
	if d < 0 && (l.mayReset && seq <= l.next/2 || d <= -lateWindow || afterZero && seq == 1) {
		l.resets++
		l.next, l.mayReset = seq+1, false
		return 0
	}
	switch {
	case d >= 0:
		l.next = seq + 1
		l.missing += uint64(d)
		return int64(d)
	case l.missing > 0:
		l.missing-- // it was only late
		return -1
	default:
		l.duplicates++
		return 0
	}
}

func (l *ledger) stats() GroupStats {
	return GroupStats{
		Received:   l.received,
		Missing:    l.missing,
		Duplicates: l.duplicates,
		Resets:     l.resets,
		SeqLess:    l.zeros > 1 && l.nonZero == 0,
	}
}

// book holds all groups' ledgers and what the socket lost, and knows what has
// been reported of it.
type book struct {
	groups    map[uint32]*ledger
	untracked uint64
	missing   int64 // sum over the groups

	dropped         uint64
	malformed       uint64
	reportedDropped uint64
	reportedVanish  uint64
	seenVanished    uint64 // at the last call of loss
}

func (b *book) observe(group, seq uint32) {
	l, ok := b.groups[group]
	if !ok {
		if len(b.groups) >= maxGroups {
			b.untracked++
			return
		}
		if b.groups == nil {
			b.groups = map[uint32]*ledger{}
		}
		l = &ledger{}
		b.groups[group] = l
	}
	b.missing += l.observe(seq)
}

// recreated notes that the kernel made a group anew, whose count starts at 0.
func (b *book) recreated(group uint32) {
	if l, ok := b.groups[group]; ok {
		l.mayReset = true
	}
}

// restart forgets what number each group is at: the module was loaded anew.
func (b *book) restart() {
	for _, l := range b.groups {
		l.started = false
	}
}

// vanished is how many sequence numbers are missing beyond what drops and
// undecodable messages can account for.
func (b *book) vanished() uint64 {
	v := b.missing - int64(b.dropped) - int64(b.malformed)
	// Never less than what was reported: a late sample or a drop elsewhere
	// must not let a later loss hide behind an old report.
	return max(b.reportedVanish, uint64(max(v, 0)))
}

// loss returns what is to be reported since the last report, nil for nothing.
// What is missing beyond the drops must have been so at the last call already,
// unless this is the end: its sample may only be late, held up on another CPU
// after it took its number.
func (b *book) loss(end bool) *LossError {
	now := b.vanished()
	vanished := now
	if !end {
		vanished = max(b.reportedVanish, min(now, b.seenVanished))
	}
	b.seenVanished = now
	if b.dropped == b.reportedDropped && vanished == b.reportedVanish {
		return nil
	}
	e := &LossError{
		Dropped:      b.dropped - b.reportedDropped,
		TotalDropped: b.dropped,
		Vanished:     vanished - b.reportedVanish,
	}
	for g, l := range b.groups {
		if l.missing > l.reported {
			e.Gaps = append(e.Gaps, GroupGap{Group: g, Missing: l.missing - l.reported})
		}
		l.reported = l.missing
	}
	slices.SortFunc(e.Gaps, func(x, y GroupGap) int { return cmp.Compare(x.Group, y.Group) })
	b.reportedDropped, b.reportedVanish = b.dropped, vanished
	return e
}

func (b *book) groupStats() map[uint32]GroupStats {
	out := make(map[uint32]GroupStats, len(b.groups))
	for g, l := range maps.All(b.groups) {
		out[g] = l.stats()
	}
	return out
}
