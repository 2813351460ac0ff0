// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/ovs/odp"
)

// short writes an outcome so that a table can have it: s GROUP:LEN[@RATE],
// o PORT:LEN[+TAG], u LEN.
func short(o Outcome) string {
	var out []string
	for _, s := range o.Samples {
		text := fmt.Sprintf("s%d:%d", s.Group, s.Len)
		if s.Rate != always {
			text += fmt.Sprintf("@%d", s.Rate)
		}
		out = append(out, text)
	}
	for _, f := range o.Frames {
		text := fmt.Sprintf("o%d:%d", f.Port, f.Len)
		if f.Tag != "" {
			text += "+" + f.Tag
		}
		out = append(out, text)
	}
	for _, u := range o.Upcalls {
		out = append(out, fmt.Sprintf("u%d/%d", u.Len, u.OrigLen))
	}
	return strings.Join(out, " ")
}

func parse(t *testing.T, text string) odp.Actions {
	t.Helper()
	as, err := odp.ParseActions(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return as
}

// TestModel holds the model against what the kernel's source says.
func TestModel(t *testing.T) {
	plain := Packet{Len: 100}
	tagged := Packet{Len: 104, Tags: []Tag{{tpidService, 5}}}
	double := Packet{Len: 108, Tags: []Tag{{tpidService, 5}, {tpidCustomer, 6}}}
	for _, tt := range []struct {
		actions   string
		packet    Packet
		cut, keep string // keep "" is the same
	}{
		{"psample(group=1),2", plain, "s1:100 o2:100", ""},
		{"trunc(20),psample(group=1),2", plain, "s1:20 o2:100", ""},
		{"trunc(20),2,psample(group=1)", plain, "s1:100 o2:20", ""},
		{"trunc(20),psample(group=1),psample(group=2)", plain, "s1:20 s2:100", ""},
		{"trunc(20),psample(group=1),userspace(pid=1)", plain, "s1:20 u100/0", ""},
		{"trunc(20),userspace(pid=1),psample(group=1)", plain, "s1:100 u20/100", ""},
		{"trunc(100),userspace(pid=1)", plain, "u100/0", ""},
		{"trunc(4294967295),psample(group=1)", plain, "s1:100", ""},
		// Nests have copies of their own.
		{"trunc(20),sample(sample=100%,actions(psample(group=1))),2", plain, "s1:20 o2:20", ""},
		{"sample(sample=100%,actions(trunc(20),psample(group=1))),psample(group=2)", plain, "s1:20 s2:100", ""},
		{"clone(trunc(20),2),3", plain, "o2:20 o3:100", ""},
		{"trunc(20),sample(sample=0%,actions(psample(group=1))),2", plain, "o2:20", ""},
		{"trunc(20),recirc(1)", plain, "s101:20 o2:100", ""},
		{"clone(),psample(group=1)", plain, "s1:100", ""},
		{"sample(sample=100%,actions()),2", plain, "o2:100", ""},
		// The two ways to keep a trunc.
		{"trunc(20),trunc(9000),2", plain, "o2:20", "o2:100"},
		{"trunc(20),trunc(30),2", plain, "o2:30", ""},
		{"trunc(20),sample(sample=100%,actions(trunc(9000),psample(group=1))),2", plain, "s1:20 o2:20", "s1:100 o2:20"},
		{"trunc(50),pop_vlan,2", double, "o2:46+8100:0006", "o2:50+8100:0006"},
		{"trunc(50),push_vlan(vid=7),2", tagged, "o2:54+8100:0007", "o2:50+8100:0007"},
		{"trunc(20),userspace(pid=1)", tagged, "u24/104", "u20/104"},
		{"trunc(102),push_vlan(vid=7),psample(group=1)", tagged, "s1:104", "s1:102"},
		// Tags.
		{"psample(group=1),2", tagged, "s1:100 o2:100+88a8:0005", ""},
		{"pop_vlan,2,pop_vlan,2,pop_vlan,2", double, "o2:100+8100:0006 o2:100 o2:100", ""},
		{"push_vlan(vid=7,pcp=3),2", plain, "o2:100+8100:6007", ""},
		// Who is not there gets nothing.
		{"0,9,65534,1,2,3", plain, "o1:100 o2:100 o3:100", ""},
		// Probability is that of the innermost sample, and ends with it.
		{
			"sample(sample=99.99999991%,actions(sample(sample=99.99999981%,actions(psample(group=1))),psample(group=2))),psample(group=3)",
			plain, "s1:100@4294967287 s2:100@4294967291 s3:100", "",
		},
		{"sample(sample=99.99999991%,actions(clone(psample(group=1)),recirc(1)))", plain, "s1:100@4294967291 s101:100@4294967291 o2:100", ""},
		// Beyond three nests that may change the flow, actions wait.
		{
			"clone(clone(clone(clone(pop_vlan,psample(group=4)),psample(group=3)),psample(group=2)),psample(group=1)),psample(group=0)",
			plain, "s3:100 s2:100 s1:100 s0:100 s4:100", "",
		},
		{"recirc(2),psample(group=1)", plain, "s102:40 s101:100 s1:100 o2:100", ""},
	} {
		for _, k := range []struct {
			trunc Trunc
			want  string
		}{{TruncCut, tt.cut}, {TruncKeep, tt.keep}} {
			if k.want == "" {
				k.want = tt.cut
			}
			ps, err := predict(parse(t, tt.actions), tt.packet, k.trunc, false)
			if err != nil {
				t.Errorf("%s: %v", tt.actions, err)
				continue
			}
			var got []string
			for _, p := range ps {
				got = append(got, short(p.outcome))
			}
			if d := cmp.Diff([]string{k.want}, got); d != "" {
				t.Errorf("%s, trunc in bytes to %s:\n%s", tt.actions, k.trunc, d)
			}
		}
	}
}

// TestModelDraws: all ways through random draws, with their shares.
func TestModelDraws(t *testing.T) {
	shares := func(text string, full bool) map[string]float64 {
		ps, err := predict(parse(t, text), Packet{Len: 60}, TruncKeep, full)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for _, p := range ps {
			out[short(p.outcome)] = math.Round(p.share*1000) / 1000
		}
		return out
	}
	for _, tt := range []struct {
		actions string
		full    bool
		want    map[string]float64
	}{
		{"sample(sample=50%,actions(psample(group=1))),2", false, map[string]float64{"s1:60@2147483648 o2:60": .5, "o2:60": .5}},
		{
			"sample(sample=50%,actions(sample(sample=25%,actions(psample(group=1))),psample(group=2)))", false,
			map[string]float64{"s1:60@1073741824 s2:60@2147483648": .125, "s2:60@2147483648": .375, "": .5},
		},
		// Draws nobody can see are one outcome.
		{"sample(sample=50%,actions(trunc(20))),2", false, map[string]float64{"o2:60": 1}},
		{"sample(sample=0.0000001%,actions(2)),3", false, map[string]float64{"o3:60": 1}},
		{"sample(sample=0.0000001%,actions(2)),3", true, map[string]float64{"o3:60": 1, "o2:60 o3:60": 0}},
	} {
		if d := cmp.Diff(tt.want, shares(tt.actions, tt.full)); d != "" {
			t.Errorf("%s, full %v:\n%s", tt.actions, tt.full, d)
		}
	}
	many := strings.Repeat("sample(sample=50%,actions(2)),", 13)
	if _, err := predict(parse(t, many), Packet{Len: 60}, TruncKeep, false); err == nil {
		t.Error("8192 ways were followed")
	}
}

// TestModelHazards: what would harm a kernel or tell nothing is not sent.
func TestModelHazards(t *testing.T) {
	deep := Packet{Len: 120, Tags: []Tag{{tpidCustomer, 1}, {tpidCustomer, 2}, {tpidCustomer, 3}}}
	for _, text := range []string{
		"trunc(14),pop_vlan,psample(group=1)",
		"push_vlan(vid=1),push_vlan(vid=1),trunc(14),pop_vlan,pop_vlan,pop_vlan,pop_vlan,pop_vlan,userspace(pid=1)",
		"meter(1)",
	} {
		_, err := predict(parse(t, text), deep, TruncCut, false)
		if _, ok := errors.AsType[hazardError](err); !ok {
			t.Errorf("%s: %v, want a hazard", text, err)
		}
	}
}

// TestModelOddPsample: of several groups and cookies the last ones count.
func TestModelOddPsample(t *testing.T) {
	for hex, want := range map[string]odp.Psample{
		"0800010001000000080001000200000005000200aa000000": {Group: 2, Cookie: []byte{0xaa}},
		"05000200aa000000040002000800010007000000":         {Group: 7, Cookie: []byte{}},
	} {
		got, ok := psampleOf(parse(t, "unknown(25,nested,hex="+hex+")")[0])
		if d := cmp.Diff(want, got); d != "" || !ok {
			t.Errorf("%s: %v\n%s", hex, ok, d)
		}
	}
	if _, ok := psampleOf(odp.Output{Port: 1}); ok {
		t.Error("output is a psample")
	}
}
