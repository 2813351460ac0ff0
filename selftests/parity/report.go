// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of how much a report shows.
const (
	shownFindings = 5
	shownLines    = 12
)

// String says what a kernel is.
func (h Header) String() string {
	s := "Linux " + h.Kernel + ", trunc: bytes to " + string(h.Trunc)
	if h.Lab != "" {
		s = h.Name() + ": " + s
	}
	return s
}

// Lines tells everything that is needed to look into a finding.
func (f Finding) Lines(runs []Run) []string {
	seed := uint64(0)
	if len(runs) > 0 {
		seed = runs[0].Seed
	}
	out := []string{fmt.Sprintf("seed %d, %s", seed, f.List)}
	if f.Fault == "" {
		out = append(out, fmt.Sprintf("  packets: %s, %d of each", packetList(f.Packets), f.Copies))
	}
	out = append(out, "  seen on "+f.Where)
	for i, r := range runs {
		verdict := "as the model says"
		if slices.Contains(f.Wrong, i) {
			verdict = "NOT as the model says"
		}
		out = append(out, fmt.Sprintf("  %s did, %s:", r.Name(), verdict))
		out = append(out, compared(f.Got[i], f.Want[r.Trunc])...)
	}
	return append(out, fmt.Sprintf("  again: dpscope-selftests parity --seed %d --only %d%s", seed, f.Index, guests(runs)))
}

// guests are the flags that boot these kernels again, as far as they were the
// lab's.
func guests(runs []Run) string {
	var kernels, vms []string
	add := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, r := range runs {
		add(&kernels, r.Lab)
		add(&vms, r.VM)
	}
	out := ""
	if len(kernels) > 0 {
		out += " --kernels " + strings.Join(kernels, ",")
	}
	if len(vms) > 0 {
		out += " --vm " + strings.Join(vms, ",")
	}
	return out
}

// compared lists what a kernel did, first what the model does not know (+),
// then what it misses (-), then the rest.
func compared(got, want string) []string {
	did, should := strings.Split(got, "\n"), strings.Split(want, "\n")
	var extra, missing, same []string
	for _, l := range did {
		if slices.Contains(should, l) {
			same = append(same, "      "+l)
		} else {
			extra = append(extra, "    + "+l)
		}
	}
	for _, l := range should {
		if !slices.Contains(did, l) {
			missing = append(missing, "    - "+l)
		}
	}
	var out []string
	for _, part := range [][]string{extra, missing, same} {
		if n := len(part); n > shownLines {
			part = append(part[:shownLines:shownLines], fmt.Sprintf("      ... and %d more", n-shownLines))
		}
		out = append(out, part...)
	}
	return out
}

// Summary tells how the comparison went, first what differs unexpectedly.
func (j Judgement) Summary(runs []Run, all bool) []string {
	out := []string{fmt.Sprintf("%d lists, %d to be taken and %d to be refused; %d distinct samples",
		j.Lists, j.Taken, j.Lists-j.Taken, j.Samples)}
	if n := j.Known(); n > 0 {
		out = append(out, fmt.Sprintf("%d lists differ only as trunc is known to (see: dpscope-selftests differences)", n))
	}
	shown := 0
	for _, f := range j.Findings {
		switch {
		case f.Verdict != Differs:
		case shown < shownFindings || all:
			shown++
			out = append(out, f.Lines(runs)...)
		default:
			shown++
		}
	}
	if !all && shown > shownFindings {
		out = append(out, fmt.Sprintf("%d more lists differ", shown-shownFindings))
	}
	return out
}
