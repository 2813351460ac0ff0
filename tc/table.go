// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"slices"
	"syscall"

	"github.com/dpscope/dpscope/nl"
)

// Operations for error texts.
const (
	opAdd  = "add sample filter"
	opDel  = "delete sample filter"
	opUndo = "undo failed add of sample filter"
)

// table is everything on the two sides of one device.
type table struct {
	link    link
	filters [2][]Filter // by Direction
}

// samples lists the sample actions in order of direction and preference.
func (t table) samples() []SampleFilter {
	var out []SampleFilter
	for _, d := range []Direction{Ingress, Egress} {
		at := len(out)
		for _, f := range t.filters[d] {
			out = append(out, samplesOf(f, t.link, d)...)
		}
		slices.SortStableFunc(out[at:], func(a, b SampleFilter) int { return int(a.Pref) - int(b.Pref) })
	}
	return out
}

// orphans are the matchall preferences of one side whose filter the dump left
// out. The kernel announces every preference with an entry of its own, and
// loses the one filter of a matchall preference when that did not fit the
// message any more: mall_walk (net/sched/cls_matchall.c, seen on 6.1) counts it
// as delivered.
func (t table) orphans(d Direction) []Filter {
	type place struct {
		chain    uint32
		pref     uint16
		protocol uint16
	}
	seen := map[place]bool{}
	for _, f := range t.filters[d] {
		if f.Handle != 0 {
			seen[place{f.Chain, f.Pref, f.Protocol}] = true
		}
	}
	var out []Filter
	for _, f := range t.filters[d] {
		if f.Kind == kindMatchall && f.Handle == 0 && !seen[place{f.Chain, f.Pref, f.Protocol}] {
			out = append(out, f)
		}
	}
	return out
}

func (t table) empty() bool { return len(t.filters[Ingress])+len(t.filters[Egress]) == 0 }

// place gives the filter its handle and, unless the caller chose one, its
// preference.
func (t table) place(f SampleFilter, created bool) (SampleFilter, error) {
	refuse := func(format string, args ...any) (SampleFilter, error) {
		return f, &nl.Error{Op: opAdd, Object: f.name(), Err: refusef(syscall.EEXIST, format, args...)}
	}
	owns := created
	for _, s := range t.samples() {
		if !s.Owned {
			continue
		}
		owns = owns || uint32(s.Handle)&HandleOwnsClsact != 0
		if s.Direction == f.Direction && s.Group == f.Group {
			return refuse("already sampled into group %d (pref %d)", s.Group, s.Pref)
		}
	}
	taken := map[uint16]string{}
	for _, x := range t.filters[f.Direction] {
		if x.Chain == 0 {
			taken[x.Pref] = x.Kind
		}
	}
	f.Handle = Handle(HandleBase)
	if owns {
		f.Handle |= Handle(HandleOwnsClsact)
	}
	if f.Pref != 0 {
		if kind, ok := taken[f.Pref]; ok {
			return refuse("preference %d is taken by a %s filter", f.Pref, kind)
		}
		return f, nil
	}
	for p := PrefFirst; p <= PrefLast; p++ {
		if _, ok := taken[p]; !ok {
			f.Pref = p
			return f, nil
		}
	}
	return refuse("all preferences from %d to %d are taken", PrefFirst, PrefLast)
}
