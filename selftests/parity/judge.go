// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"errors"
	"fmt"
	"slices"
)

// Verdict is how a list went on all kernels.
type Verdict int

const (
	// Same means that all kernels did what the model says.
	Same Verdict = iota
	// Known means that kernels differ, each in the way its trunc is known
	// to work.
	Known
	// Differs means that kernels differ, or do something else than the
	// model says.
	Differs
)

// Finding is a list that is not Same.
type Finding struct {
	List
	Verdict Verdict
	// Wrong are the kernels, by their place among the runs, that do something
	// else than the model says.
	Wrong []int
	// Where says what was looked at when the difference showed.
	Where string
	// Want is what the model says, by the way trunc works; Got what each
	// kernel did.
	Want map[Trunc]string
	Got  []string
}

// Judgement is the result of comparing kernels.
type Judgement struct {
	Lists    int
	Taken    int // lists that kernels took
	Samples  int // distinct ones, of all kernels
	Findings []Finding
	// Differing counts the lists with a difference nobody expects, kernel by
	// kernel.
	Differing []int
}

// OK tells that no list differs, known differences aside.
func (j Judgement) OK() bool {
	return !slices.ContainsFunc(j.Findings, func(f Finding) bool { return f.Verdict == Differs })
}

// Known counts the lists that differ as known.
func (j Judgement) Known() int {
	n := 0
	for _, f := range j.Findings {
		if f.Verdict == Known {
			n++
		}
	}
	return n
}

// Judge compares runs of the same lists.
func Judge(runs []Run) (Judgement, error) {
	j := Judgement{Differing: make([]int, len(runs))}
	if len(runs) == 0 {
		return j, errors.New("compare results: there are none")
	}
	first := runs[0]
	for _, r := range runs[1:] {
		if r.Seed != first.Seed || r.From != first.From || r.Count != first.Count {
			return j, fmt.Errorf("compare results: those of %s are of %d lists from %d on with seed %d, those of %s of %d from %d with %d",
				first.Name(), first.Count, first.From, first.Seed, r.Name(), r.Count, r.From, r.Seed)
		}
	}
	j.Lists = first.Count
	for i := range first.Count {
		l := Generate(first.Seed, first.From+i)
		var results []Result
		for _, r := range runs {
			res := r.Results[i]
			if text := l.Actions.String(); res.Actions != text {
				return j, fmt.Errorf("compare results: list %d of %s is %s, this program makes it %s", l.Index, r.Name(), res.Actions, text)
			}
			results = append(results, res)
			j.Samples += res.samples()
		}
		if l.Fault == "" {
			j.Taken++
		}
		if f := judge(l, runs, results); f.Verdict != Same {
			j.Findings = append(j.Findings, f)
			for _, w := range f.Wrong {
				j.Differing[w]++
			}
		}
	}
	return j, nil
}

// Name is what to call a run's kernel.
func (h Header) Name() string {
	switch {
	case h.Lab == "":
		return h.Kernel
	case h.VM == "":
		return h.Lab
	default:
		return h.Lab + "/" + h.VM
	}
}

// samples counts the samples in a result's outcomes.
func (r Result) samples() int {
	n := 0
	for _, p := range r.Paths {
		for _, packet := range p.Packets {
			for _, o := range packet {
				n += len(o.Samples)
			}
		}
	}
	return n
}

// judge looks at one list. The first place where something is wrong is shown;
// there is no need for more.
func judge(l List, runs []Run, results []Result) Finding {
	known := Finding{List: l}
	for _, look := range looks(l) {
		f := Finding{List: l, Where: look.where, Want: map[Trunc]string{}}
		for i, r := range runs {
			want, got := look.want(r.Trunc), look.got(results[i])
			f.Want[r.Trunc] = want.text()
			f.Got = append(f.Got, got.text())
			if !look.fits(r.Trunc, want, got) {
				f.Wrong = append(f.Wrong, i)
			}
		}
		switch {
		case len(f.Wrong) > 0:
			f.Verdict = Differs
			return f
		case len(f.Want) > 1 && f.Want[TruncCut] != f.Want[TruncKeep] && known.Verdict == Same:
			f.Verdict = Known
			known = f
		}
	}
	return known
}
