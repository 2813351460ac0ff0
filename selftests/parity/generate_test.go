// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// TestGenerateAgain: seed and number alone decide, in any order.
func TestGenerateAgain(t *testing.T) {
	for _, i := range []int{7, 0, 199} {
		if d := cmp.Diff(Generate(3, i), Generate(3, i)); d != "" {
			t.Errorf("list %d is not the same twice:\n%s", i, d)
		}
	}
	if Generate(3, 1).Actions.String() == Generate(3, 2).Actions.String() || Generate(3, 1).Actions.String() == Generate(4, 1).Actions.String() {
		t.Error("two lists are the same")
	}
}

// TestGenerateCoverage: what the lists are meant to try is among few of them,
// and each can be sent, tells its packets apart and takes bounded time.
func TestGenerateCoverage(t *testing.T) {
	const n = 600
	var (
		types   = map[uint16]bool{}
		faulty  = map[string]bool{}
		lengths = map[int]bool{}
		tags    = map[int]bool{}
		deepest int
		drawn   int
		total   int
		known   int
	)
	for i := range n {
		l := Generate(1, i)
		b, err := l.Actions.AppendNetlink(nil)
		if err != nil || len(b) > 60000 {
			t.Fatalf("%s: %d bytes, %v", l, len(b), err)
		}
		if l.Fault != "" {
			faulty[l.Fault] = true
			if l.Errno == "" || l.Packets != nil {
				t.Errorf("%s: errno %q, packets %v", l, l.Errno, l.Packets)
			}
			continue
		}
		visit(l.Actions, 0, func(a odp.Action, depth int) {
			types[odp.TypeOf(a)] = true
			deepest = max(deepest, depth)
			if p, ok := psampleOf(a); ok {
				lengths[len(p.Cookie)] = true
			}
		})
		if l.Copies > 2 {
			drawn++
		}
		total += l.Copies * len(l.Packets)
		differs := false
		for _, p := range l.Packets {
			tags[len(p.Tags)] = true
			if len(p.Frame(1)) != p.Len {
				t.Errorf("%s: frame of %d bytes", p, len(p.Frame(1)))
			}
			sets := map[Trunc]string{}
			for _, trunc := range []Trunc{TruncCut, TruncKeep} {
				ps, err := predict(l.Actions, p, trunc, false)
				if err != nil {
					t.Errorf("%s: %v", l, err)
				}
				sum := 0.
				for _, p := range ps {
					sum += p.share
					if p.share < minShare {
						t.Errorf("%s: an outcome of %.3g", l, p.share)
					}
				}
				if sum < .999999 || sum > 1.000001 {
					t.Errorf("%s: shares sum up to %v", l, sum)
				}
				sets[trunc] = strings.Join(outcomes(ps).keys(), "\n")
			}
			differs = differs || sets[TruncCut] != sets[TruncKeep]
		}
		if differs {
			known++
		}
	}
	for _, typ := range []uint16{
		uapi.OVS_ACTION_ATTR_PSAMPLE, uapi.OVS_ACTION_ATTR_TRUNC, uapi.OVS_ACTION_ATTR_SAMPLE, uapi.OVS_ACTION_ATTR_CLONE,
		uapi.OVS_ACTION_ATTR_OUTPUT, uapi.OVS_ACTION_ATTR_USERSPACE, uapi.OVS_ACTION_ATTR_PUSH_VLAN, uapi.OVS_ACTION_ATTR_POP_VLAN,
		uapi.OVS_ACTION_ATTR_RECIRC,
	} {
		if !types[typ] {
			t.Errorf("no list has action %d", typ)
		}
	}
	for i := range uapi.OVS_PSAMPLE_COOKIE_MAX_SIZE + 1 {
		if !lengths[i] {
			t.Errorf("no cookie of %d bytes", i)
		}
	}
	for i := range 4 {
		if !tags[i] {
			t.Errorf("no packet with %d tags", i)
		}
	}
	for _, f := range faults {
		if !faulty[f.what] && f.what != "" {
			t.Logf("not among %d lists: %s", n, f.what)
		}
	}
	t.Logf("%d faults of %d, nests %d deep, draws in %d lists, trunc seen in %d, %d packets", len(faulty), len(faults), deepest, drawn, known, total)
	if len(faulty) < len(faults)*8/10 || deepest != maxNesting || drawn < n/20 || known < n/50 || total > 60*n {
		t.Error("the lists do not try what they should, or take too long")
	}
}

func visit(actions odp.Actions, depth int, f func(odp.Action, int)) {
	for _, a := range actions {
		f(a, depth)
		switch a := a.(type) {
		case odp.Sample:
			visit(a.Actions, depth+1, f)
		case odp.Clone:
			visit(a.Actions, depth+1, f)
		}
	}
}

// TestFaults: each is one, as far as can be told without a kernel.
func TestFaults(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults {
		if f.what == "" || seen[f.what] || f.errno == "" || f.action == nil {
			t.Errorf("incomplete or doubled: %+v", f.what)
		}
		seen[f.what] = true
		if f.what != "nests too deep" {
			continue
		}
		deepest := 0
		visit(odp.Actions{f.action(&generator{rand1()})}, 0, func(_ odp.Action, depth int) { deepest = max(deepest, depth) })
		if deepest <= maxNesting {
			t.Errorf("%s: %d", f.what, deepest)
		}
	}
}

func TestDescribe(t *testing.T) {
	p := Packet{Len: 100, Tags: []Tag{{tpidCustomer, 5}}}
	frame := p.Frame(0)
	rest, tag, ok := untag(frame)
	if !ok || tag != p.Tags[0] || string(retag(rest, tag)) != string(frame) {
		t.Errorf("untag: %v %v", tag, ok)
	}
	for want, b := range map[string][]byte{
		"": nil, "packet[:12]": frame[:12], "packet[:100]": frame, "untagged[:96]": rest, "untagged[:20]": rest[:20], "0102": {1, 2},
	} {
		if got := describe(b, frame); got != want {
			t.Errorf("%x: %s, want %s", b, got, want)
		}
	}
	if n, ok := number(p.Frame(77)); n != 77 || !ok {
		t.Errorf("number %d, %v", n, ok)
	}
	if _, ok := number(frame[:identifiable-1]); ok {
		t.Error("a number in too few bytes")
	}
}
