// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampler is a filter as the dump has it after AddSample.
func sampler(pref uint16, handle, group uint32) Filter {
	return Filter{
		IfIndex: 3, Kind: kindMatchall, Pref: pref, Handle: handle, Protocol: ethPAll,
		Actions: []Action{{Kind: kindSample, Sample: &Sample{Rate: 1, Group: group}}},
	}
}

func head(kind string, pref uint16) Filter {
	return Filter{IfIndex: 3, Kind: kind, Pref: pref, Protocol: ethPAll}
}

func TestPlace(t *testing.T) {
	const own, owner = HandleBase, HandleBase | HandleOwnsClsact
	full := table{}
	for p := PrefFirst; p <= PrefLast; p++ {
		full.filters[Ingress] = append(full.filters[Ingress], head("u32", p))
	}
	foreign := sampler(9, 1, 5)
	twoActions := sampler(10, own, 5)
	twoActions.Actions = append(twoActions.Actions, Action{Kind: "gact"})
	chained := sampler(11, own, 5)
	chained.Chain = 1

	for name, tt := range map[string]struct {
		table   table
		in      SampleFilter
		created bool
		pref    uint16
		handle  uint32
		fails   string
	}{
		"first, new clsact":   {in: SampleFilter{Group: 5}, created: true, pref: PrefFirst, handle: owner},
		"first, their clsact": {in: SampleFilter{Group: 5}, pref: PrefFirst, handle: own},
		"preference given":    {in: SampleFilter{Group: 5, Pref: 1}, pref: 1, handle: own},
		"second inherits": {
			table: table{filters: [2][]Filter{{head(kindMatchall, PrefFirst), sampler(PrefFirst, owner, 4)}}},
			in:    SampleFilter{Group: 5}, pref: PrefFirst + 1, handle: owner,
		},
		"inherits across sides": {
			table: table{filters: [2][]Filter{Egress: {sampler(PrefFirst, owner, 5)}}},
			in:    SampleFilter{Group: 5}, pref: PrefFirst, handle: owner,
		},
		"preference of a foreign filter skipped": {
			table: table{filters: [2][]Filter{{head("flower", PrefFirst)}}},
			in:    SampleFilter{Group: 5}, pref: PrefFirst + 1, handle: own,
		},
		"other chains have preferences of their own": {
			table: table{filters: [2][]Filter{{{Kind: "flower", Pref: PrefFirst, Chain: 2}}}},
			in:    SampleFilter{Group: 5}, pref: PrefFirst, handle: own,
		},
		"foreign sample into the same group": {
			table: table{filters: [2][]Filter{{foreign, twoActions, chained}}},
			in:    SampleFilter{Group: 5}, pref: PrefFirst, handle: own,
		},
		"same group": {
			table: table{filters: [2][]Filter{{sampler(77, own, 5)}}},
			in:    SampleFilter{Group: 5}, fails: "already sampled into group 5 (pref 77)",
		},
		"preference taken": {
			table: table{filters: [2][]Filter{{head("flower", 1)}}},
			in:    SampleFilter{Group: 5, Pref: 1}, fails: "preference 1 is taken by a flower filter",
		},
		"all taken": {table: full, in: SampleFilter{Group: 5}, fails: "all preferences from 3408 to 3663 are taken"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.table.link = link{index: 3, name: "d0"}
			tt.in.Dev = "d0"
			got, err := tt.table.place(tt.in, tt.created)
			if tt.fails != "" {
				if !errors.Is(err, syscall.EEXIST) || !strings.Contains(err.Error(), "d0 ingress: "+tt.fails) {
					t.Errorf("got %v, want %q", err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Pref != tt.pref || uint32(got.Handle) != tt.handle {
				t.Errorf("got pref %d handle %#x, want %d %#x", got.Pref, uint32(got.Handle), tt.pref, tt.handle)
			}
		})
	}
}

// TestOrphans: a matchall preference whose filter the kernel's dump lost is
// found; others, whose filter is there or which never had just one, are not.
func TestOrphans(t *testing.T) {
	chained := head(kindMatchall, 5)
	chained.Chain = 9
	tb := table{filters: [2][]Filter{{
		head(kindMatchall, 5), sampler(5, 1, 1),
		head(kindMatchall, 6),
		head("u32", 7),
		chained,
	}}}
	want := []Filter{head(kindMatchall, 6), chained}
	if diff := cmp.Diff(want, tb.orphans(Ingress)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := tb.orphans(Egress); got != nil {
		t.Errorf("egress: got %v", got)
	}
}

func TestValidate(t *testing.T) {
	good := SampleFilter{Dev: "d0", Rate: 1}
	if err := good.Validate(); err != nil {
		t.Errorf("minimal filter: %v", err)
	}
	for name, tt := range map[string]struct {
		change func(*SampleFilter)
		want   string
	}{
		"device":    {func(f *SampleFilter) { f.Dev = "" }, "no device"},
		"direction": {func(f *SampleFilter) { f.Direction = 7 }, "direction 7: neither"},
		"rate":      {func(f *SampleFilter) { f.Rate = 0 }, "rate 0"},
		"trunc":     {func(f *SampleFilter) { f.Trunc = 65536 }, "trunc 65536"},
		"cookie":    {func(f *SampleFilter) { f.Cookie = make([]byte, 17) }, "17 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := good
			tt.change(&f)
			if err := f.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
