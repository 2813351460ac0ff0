// SPDX-License-Identifier: Apache-2.0

package odpdiff

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/ovs/odp"
)

// BenchmarkTool has the tool and us read flows (text to netlink) and print them
// (netlink to text), in turns: processor time per flow, median of the rounds,
// and the ratio's spread. Of the tool only what it spends in user mode counts,
// less what it takes for no flows at all: not its system calls, of which it
// makes several for each flow it reads. Run it with GOMAXPROCS=1 and a number of
// rounds such as -benchtime 10x.
func BenchmarkTool(b *testing.B) {
	const flows = 10000
	o := newTool(b)
	var texts []text
	var ws []wire
	for _, a := range attempts(b, 2*flows) {
		if !a.read || len(ws) == flows {
			continue
		}
		w, err := wireOf(a.match, a.actions)
		if err != nil {
			b.Fatal(err)
		}
		texts, ws = append(texts, a.text()), append(ws, w)
	}
	kinds := []struct {
		name         string
		ours, theirs func(n int)
	}{
		{"read", func(n int) { readAll(b, texts[:n]) }, func(n int) { o.read(texts[:n]) }},
		{"print", func(n int) { printAll(b, ws[:n]) }, func(n int) {
			o.k.load(ws[:n])
			if out, messages, err := o.run("", "--no-names", "dump-flows", pipeDatapath); err != nil || len(out) != n {
				b.Fatalf("%d flows printed: %v %q", len(out), err, messages)
			}
		}},
	}
	ours, theirs := map[string][]float64{}, map[string][]float64{}
	n := len(ws)
	for b.Loop() {
		for _, k := range kinds {
			k.theirs(0)
			start := o.used
			k.theirs(n)
			theirs[k.name] = append(theirs[k.name], float64(o.used-start)/float64(n))
			before := processor(b)
			k.ours(n)
			ours[k.name] = append(ours[k.name], float64(processor(b)-before)/float64(n))
		}
	}
	for _, k := range kinds {
		var ratios []float64
		for i := range ours[k.name] {
			ratios = append(ratios, ours[k.name][i]/theirs[k.name][i])
		}
		b.ReportMetric(median(ours[k.name]), k.name+"-ns/flow")
		b.ReportMetric(median(theirs[k.name]), k.name+"-tool-ns/flow")
		b.ReportMetric(slices.Min(ratios), k.name+"-ratio-min")
		b.ReportMetric(median(ratios), k.name+"-ratio")
		b.ReportMetric(slices.Max(ratios), k.name+"-ratio-max")
	}
	b.ReportMetric(0, "ns/op") // which says nothing here
}

func readAll(b *testing.B, texts []text) {
	var w wire
	for _, s := range texts {
		_, m, err := odp.ParseFlow(s.flow, nil)
		if err != nil {
			b.Fatal(err)
		}
		as, err := odp.ParseActions(s.actions, nil)
		if err != nil {
			b.Fatal(err)
		}
		if w.key, err = m.AppendKey(w.key[:0]); err != nil {
			b.Fatal(err)
		}
		if w.mask, err = m.AppendMask(w.mask[:0]); err != nil {
			b.Fatal(err)
		}
		if w.actions, err = as.AppendNetlink(w.actions[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func printAll(b *testing.B, ws []wire) {
	var line []byte
	for _, w := range ws {
		m, err := odp.DecodeMatch(w.key, w.mask)
		if err != nil {
			b.Fatal(err)
		}
		as, err := odp.DecodeActions(w.actions)
		if err != nil {
			b.Fatal(err)
		}
		line = as.AppendText(m.AppendText(line[:0], odp.TextOptions{}), odp.TextOptions{})
	}
}

// processor is the time this process has had, in user mode and in the kernel.
func processor(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
