// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLedger(t *testing.T) {
	for _, tt := range []struct {
		name     string
		seqs     []uint32
		recreate int // before this sample the kernel announces the group anew
		want     GroupStats
	}{
		{"in order", []uint32{10, 11, 12}, -1, GroupStats{Received: 3}},
		{"gap", []uint32{10, 11, 15, 16}, -1, GroupStats{Received: 4, Missing: 3}},
		{"late sample closes its gap", []uint32{10, 12, 11, 13}, -1, GroupStats{Received: 4}},
		{"twice", []uint32{10, 11, 11, 12}, -1, GroupStats{Received: 4, Duplicates: 1}},
		{"wraps", []uint32{math.MaxUint32 - 1, math.MaxUint32, 0, 1}, -1, GroupStats{Received: 4}},
		{"wraps with a gap", []uint32{math.MaxUint32 - 1, 1}, -1, GroupStats{Received: 2, Missing: 2}},
		{"open vswitch counts nothing", []uint32{0, 0, 0, 0}, -1, GroupStats{Received: 4, SeqLess: true}},
		{"one sample proves nothing", []uint32{0}, -1, GroupStats{Received: 1}},
		{"open vswitch and tc in one group", []uint32{5, 0, 6, 0, 0, 7, 9}, -1, GroupStats{Received: 7, Missing: 1}},
		{"group made anew, far", []uint32{5000, 5001, 0, 1, 2}, -1, GroupStats{Received: 5, Resets: 1}},
		{"group made anew, near", []uint32{7, 8, 0, 1, 2}, -1, GroupStats{Received: 5, Resets: 1}},
		{"group made anew, announced", []uint32{7, 8, 3, 4}, 2, GroupStats{Received: 4, Resets: 1}},
		{"announced group that goes on", []uint32{7, 8, 9}, 1, GroupStats{Received: 3}},
		{"announced group with a late sample", []uint32{50, 51, 53, 52, 54, 55}, 1, GroupStats{Received: 6}},
		{"open vswitch first, tc in the same group", []uint32{0, 500, 0, 501, 502}, -1, GroupStats{Received: 5}},
		{"only open vswitch for long, then tc", []uint32{0, 0, 0, 500, 502}, -1, GroupStats{Received: 5, Missing: 1}},
		{"large jump back", []uint32{100000, 5, 6}, -1, GroupStats{Received: 3, Resets: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b book
			for i, s := range tt.seqs {
				if i == tt.recreate {
					b.recreated(1)
				}
				b.observe(1, s)
			}
			if d := cmp.Diff(tt.want, b.groupStats()[1]); d != "" {
				t.Error(d)
			}
			if int64(tt.want.Missing) != b.missing {
				t.Errorf("sum of missing %d", b.missing)
			}
		})
	}
}

func TestLossReports(t *testing.T) {
	var b book
	steps := []struct {
		name    string
		do      func()
		want    *LossError
		vanOnce uint64
	}{
		{"nothing lost", func() { b.observe(1, 0); b.observe(1, 1) }, nil, 0},
		{"gap that drops explain later", func() { b.dropped = 5; b.observe(1, 5) },
			&LossError{Dropped: 5, TotalDropped: 5, Gaps: []GroupGap{{1, 3}}}, 0},
		{"the tail of the burst is in no gap", func() {}, nil, 0},
		{"gap beyond the drops", func() { b.observe(1, 16) },
			&LossError{TotalDropped: 5, Vanished: 8, Gaps: []GroupGap{{1, 10}}}, 8},
		{"a malformed message explains one", func() { b.malformed++; b.observe(1, 18) }, nil, 8},
		{"restart does not count", func() { b.restart(); b.observe(1, 500) }, nil, 8},
		{"restart, open vswitch first", func() { b.restart(); b.observe(1, 0); b.observe(1, 900) }, nil, 8},
	}
	for _, s := range steps {
		s.do()
		if d := cmp.Diff(s.want, b.loss(true)); d != "" {
			t.Errorf("%s: %s", s.name, d)
		}
		if b.vanished() != s.vanOnce {
			t.Errorf("%s: vanished %d, want %d", s.name, b.vanished(), s.vanOnce)
		}
		if b.loss(true) != nil {
			t.Errorf("%s: reported twice", s.name)
		}
	}
}

// TestLateSampleIsNoLoss: another CPU may have taken a number and not yet
// delivered its sample when the queue is found empty. Only what is still missing
// at the next look has vanished.
func TestLateSampleIsNoLoss(t *testing.T) {
	var b book
	b.observe(1, 10)
	b.observe(1, 12)
	if e := b.loss(false); e != nil {
		t.Errorf("reported at once: %v", e)
	}
	b.observe(1, 11)
	if e := b.loss(false); e != nil || b.vanished() != 0 {
		t.Errorf("late sample counts as lost: %v, vanished %d", e, b.vanished())
	}
	b.observe(1, 14)
	_ = b.loss(false)
	b.observe(1, 15)
	if e := b.loss(false); e == nil || e.Vanished != 1 {
		t.Errorf("13 never came, but: %v", e)
	}
	// Drops are exact and wait for nothing; neither does the end.
	b.observe(1, 17)
	b.dropped = 1
	if e := b.loss(false); e == nil || e.Dropped != 1 || e.Vanished != 0 {
		t.Errorf("drop: %v", e)
	}
	b.observe(1, 20)
	if e := b.loss(true); e == nil || e.Vanished != 2 {
		t.Errorf("at the end: %v", e)
	}
}

func TestBookIsBounded(t *testing.T) {
	var b book
	for g := range uint32(maxGroups + 10) {
		b.observe(g, 1)
	}
	if len(b.groups) != maxGroups || b.untracked != 10 {
		t.Errorf("%d groups tracked, %d samples untracked", len(b.groups), b.untracked)
	}
}

func TestNoticeTexts(t *testing.T) {
	for _, tt := range []struct {
		n    Notice
		want string
	}{
		{&LossError{Dropped: 3}, "lost 3 samples: receive buffer full"},
		{&LossError{Dropped: 3, Gaps: []GroupGap{{5, 2}, {6, 1}}}, "lost 3 samples: receive buffer full (sequence gaps: group 5: 2, group 6: 1)"},
		{&LossError{Dropped: 3, Vanished: 4}, "lost 7 samples: receive buffer full 3, vanished in the kernel 4"},
	} {
		if got := tt.n.Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
