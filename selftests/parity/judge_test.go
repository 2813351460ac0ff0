// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func rand1() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

// perfect is what a kernel writes that does as the model says.
func perfect(t testing.TB, lab string, trunc Trunc, seed uint64, count int) Run {
	t.Helper()
	r := Run{Header: Header{Seed: seed, Count: count, Kernel: "6.0", Lab: lab, Trunc: trunc}}
	for i := range count {
		l := Generate(seed, i)
		res := Result{Index: i, Actions: l.Actions.String()}
		for _, way := range []string{PathFlow, PathExecute} {
			p := Path{Path: way, Errno: l.Errno}
			for _, packet := range l.Packets {
				ps, err := predict(l.Actions, packet, trunc, false)
				if err != nil {
					t.Fatal(err)
				}
				p.Packets = append(p.Packets, outcomes(ps).list())
			}
			res.Paths = append(res.Paths, p)
		}
		r.Results = append(r.Results, res)
	}
	return r
}

// again reads a run back from what is written of it.
func again(t testing.TB, r Run) Run {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, r.Header)
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range r.Results {
		if err := w.Write(res); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const testLists = 120

func TestJudgeSame(t *testing.T) {
	a, b := perfect(t, "a", TruncKeep, 1, testLists), perfect(t, "b", TruncKeep, 1, testLists)
	j, err := Judge([]Run{again(t, a), again(t, b)})
	if err != nil || !j.OK() || j.Known() != 0 || len(j.Findings) != 0 || j.Lists != testLists || j.Samples == 0 {
		t.Errorf("%v, %+v", err, j)
	}
}

// TestJudgeKnown: kernels that keep a trunc differently differ, and that is all
// right; a kernel that says it is of the one kind and does as the other is not.
func TestJudgeKnown(t *testing.T) {
	cut, keep := perfect(t, "a", TruncCut, 1, testLists), perfect(t, "b", TruncKeep, 1, testLists)
	j, err := Judge([]Run{cut, keep})
	if err != nil || !j.OK() || j.Known() == 0 {
		t.Errorf("%v, %+v", err, j)
	}
	cut.Trunc = TruncKeep
	if j, err = Judge([]Run{cut, keep}); err != nil || j.OK() || j.Differing[0] == 0 || j.Differing[1] != 0 {
		t.Errorf("%v, %v", err, j.Differing)
	}
}

// TestJudgeMutated changes one thing at a time, everywhere it can be changed:
// the judge must see each.
func TestJudgeMutated(t *testing.T) {
	type place struct {
		o *Outcome
		p *Path
	}
	mutations := map[string]func(place) bool{
		"errno":        func(x place) bool { x.p.Errno += "X"; return true },
		"kind missing": func(x place) bool { x.p.Packets = x.p.Packets[:len(x.p.Packets)-1]; return true },
		"way missing":  func(x place) bool { x.p.Path = "another"; return true },
		"outcomes missing": func(x place) bool {
			x.p.Packets[0] = nil
			return true
		},
		"another outcome": func(x place) bool {
			x.p.Packets[0] = append(x.p.Packets[0], Outcome{Frames: []Frame{{Port: 77}}})
			return true
		},
		"sample missing": func(x place) bool {
			if len(x.o.Samples) > 0 {
				x.o.Samples = x.o.Samples[1:]
				return true
			}
			return false
		},
		"samples turned round": func(x place) bool {
			if len(x.o.Samples) < 2 || cmp.Equal(x.o.Samples[0], x.o.Samples[1]) {
				return false
			}
			x.o.Samples[0], x.o.Samples[1] = x.o.Samples[1], x.o.Samples[0]
			return true
		},
		"frame missing": func(x place) bool {
			if len(x.o.Frames) == 0 {
				return false
			}
			x.o.Frames = x.o.Frames[1:]
			return true
		},
		"upcall missing": func(x place) bool {
			if len(x.o.Upcalls) == 0 {
				return false
			}
			x.o.Upcalls = x.o.Upcalls[1:]
			return true
		},
	}
	onSample := func(name string, f func(*Sample)) {
		mutations["sample's "+name] = func(x place) bool {
			if len(x.o.Samples) == 0 {
				return false
			}
			f(&x.o.Samples[0])
			return true
		}
	}
	onSample("group", func(s *Sample) { s.Group++ })
	onSample("cookie", func(s *Sample) { s.Cookie = append(s.Cookie, 1) })
	onSample("rate", func(s *Sample) { s.Rate-- })
	onSample("flag", func(s *Sample) { s.Probability = !s.Probability })
	onSample("seq", func(s *Sample) { s.Seq++ })
	onSample("proto", func(s *Sample) { s.Proto++ })
	onSample("original size", func(s *Sample) { s.OrigSize++ })
	onSample("iif", func(s *Sample) { s.In = "x" })
	onSample("oif", func(s *Sample) { s.Out = "x" })
	onSample("length", func(s *Sample) { s.Len++ })
	onSample("data", func(s *Sample) { s.Data += "00" })
	onSample("attributes", func(s *Sample) { s.Attrs ^= 1 << 9 })
	onFrame := func(name string, f func(*Frame)) {
		mutations["frame's "+name] = func(x place) bool {
			if len(x.o.Frames) == 0 {
				return false
			}
			f(&x.o.Frames[0])
			return true
		}
	}
	onFrame("port", func(f *Frame) { f.Port = 8 })
	onFrame("tag", func(f *Frame) { f.Tag += "x" })
	onFrame("length", func(f *Frame) { f.Len++ })
	onFrame("data", func(f *Frame) { f.Data += "00" })
	onUpcall := func(name string, f func(*Upcall)) {
		mutations["upcall's "+name] = func(x place) bool {
			if len(x.o.Upcalls) == 0 {
				return false
			}
			f(&x.o.Upcalls[0])
			return true
		}
	}
	onUpcall("command", func(u *Upcall) { u.Command = "miss" })
	onUpcall("length", func(u *Upcall) { u.Len++ })
	onUpcall("data", func(u *Upcall) { u.Data += "00" })
	onUpcall("original length", func(u *Upcall) { u.OrigLen++ })
	onUpcall("userdata", func(u *Upcall) { u.Userdata = append(u.Userdata, 1) })
	onUpcall("presence of userdata", func(u *Upcall) { u.HasData = !u.HasData })
	onUpcall("actions", func(u *Upcall) { u.Actions += "," })

	whole := perfect(t, "a", TruncKeep, 1, testLists)
	for name, mutate := range mutations {
		tried := 0
		for i := range testLists {
			l := Generate(1, i)
			if l.Fault != "" {
				continue
			}
			good := Run{whole.Header, whole.Results[i : i+1]}
			good.From, good.Count = i, 1
			bad := again(t, good)
			path := &bad.Results[0].Paths[i%2]
			o := &path.Packets[0][0]
			if !mutate(place{o, path}) {
				continue
			}
			tried++
			j, err := Judge([]Run{good, bad})
			if err != nil {
				t.Fatal(err)
			}
			if j.OK() || !slices.Equal(j.Differing, []int{0, 1}) || len(j.Findings) != 1 || j.Findings[0].Index != i {
				t.Fatalf("%s in %s: not noticed", name, l)
			}
			if tried == 5 {
				break
			}
		}
		if tried == 0 {
			t.Errorf("%s: nowhere to try it", name)
		}
	}
}

// TestJudgeFault: a list that must be refused, and was taken or refused for
// something else.
func TestJudgeFault(t *testing.T) {
	for _, errno := range []string{"", "EPERM"} {
		r := perfect(t, "a", TruncKeep, 1, testLists)
		i := slices.IndexFunc(r.Results, func(r Result) bool { return r.Paths[0].Errno != "" })
		r.Results[i].Paths[1].Errno = errno
		j, err := Judge([]Run{r})
		if err != nil || j.OK() || j.Findings[0].Index != i || j.Findings[0].Where != "way execute" {
			t.Errorf("errno %q: %v, %+v", errno, err, j.Findings)
		}
	}
}

// TestJudgeAllWrong: kernels that agree on something wrong.
func TestJudgeAllWrong(t *testing.T) {
	a := perfect(t, "a", TruncKeep, 1, testLists)
	for i := range a.Results {
		for _, p := range a.Results[i].Paths {
			for _, set := range p.Packets {
				for k := range set {
					set[k].Samples = nil
				}
			}
		}
	}
	if j, err := Judge([]Run{a, a}); err != nil || j.OK() || j.Differing[0] != j.Differing[1] {
		t.Errorf("%v, %+v", err, j.Differing)
	}
}

func TestJudgeUnequalRuns(t *testing.T) {
	a := perfect(t, "a", TruncKeep, 1, 5)
	for what, b := range map[string]Run{
		"seed":  perfect(t, "b", TruncKeep, 2, 5),
		"count": perfect(t, "b", TruncKeep, 1, 4),
	} {
		if _, err := Judge([]Run{a, b}); err == nil {
			t.Errorf("another %s is compared", what)
		}
	}
	b := perfect(t, "b", TruncKeep, 1, 5)
	b.Results[3].Actions = "drop"
	if _, err := Judge([]Run{a, b}); err == nil || !strings.Contains(err.Error(), "list 3 of b") {
		t.Errorf("another list: %v", err)
	}
	if _, err := Judge(nil); err == nil {
		t.Error("no runs are compared")
	}
}

// TestLines: a finding tells all it takes to see it again.
func TestLines(t *testing.T) {
	a, b := perfect(t, "6.1-dpscope", TruncKeep, 9, 40), perfect(t, "6.12", TruncKeep, 9, 40)
	i := slices.IndexFunc(b.Results, func(r Result) bool { return r.samples() > 0 })
	b.Results[i].Paths[0].Packets[0][0].Samples = nil
	runs := []Run{a, b}
	j, err := Judge(runs)
	if err != nil || len(j.Findings) != 1 {
		t.Fatalf("%v, %+v", err, j)
	}
	text := strings.Join(j.Summary(runs, false), "\n")
	l := Generate(9, i)
	for _, want := range []string{
		"seed 9", l.Actions.String(), l.Packets[0].String(), "6.1-dpscope did, as the model says", "6.12 did, NOT as the model says",
		"--seed 9 --only ", "--kernels 6.1-dpscope,6.12", `      {"samples":[`, `    - {"samples":[`, "    + {",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}
