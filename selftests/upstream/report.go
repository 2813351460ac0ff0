// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// maxReportLine is how much of a line of a report is looked at.
const maxReportLine = 4096

// report reads a KTAP report as it passes by: an exit status alone does not
// tell that all was done.
type report struct {
	line         []byte
	plan, totals []int // of the plan and the totals, one of each
	ok, notOK    int
	wrong        error // the first thing that is not as it should be
}

var (
	planLine   = regexp.MustCompile(`^1\.\.([0-9]{1,6})$`)
	resultLine = regexp.MustCompile(`^(ok|not ok) ([0-9]{1,6})( |$)`)
	totalsLine = regexp.MustCompile(`^# Totals: pass:([0-9]{1,6}) fail:([0-9]{1,6}) xfail:0 xpass:0 skip:0 error:0$`)
)

// Write never fails.
func (r *report) Write(p []byte) (int, error) {
	n := len(p)
	for {
		part, rest, whole := bytes.Cut(p, []byte("\n"))
		r.line = append(r.line, part[:min(len(part), maxReportLine-len(r.line))]...)
		if !whole {
			return n, nil
		}
		r.read(string(r.line))
		r.line, p = r.line[:0], rest
	}
}

func (r *report) read(line string) {
	if m := planLine.FindStringSubmatch(line); m != nil {
		r.plan = append(r.plan, number(m[1]))
	}
	if m := resultLine.FindStringSubmatch(line); m != nil {
		if m[1] == "ok" {
			r.ok++
		} else {
			r.notOK++
		}
		if want := r.ok + r.notOK; number(m[2]) != want && r.wrong == nil {
			r.wrong = fmt.Errorf("result %s comes where %d is due", m[2], want)
		}
	}
	if m := totalsLine.FindStringSubmatch(line); m != nil {
		if r.totals = append(r.totals, number(m[1]), number(m[2])); r.ok != r.totals[0] || r.notOK != r.totals[1] {
			r.wrong = errors.Join(r.wrong, fmt.Errorf("its totals do not fit its results, of which %d passed and %d failed", r.ok, r.notOK))
		}
	}
}

// number reads digits, few enough.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

// judge tells whether all passed. The error says why the report tells nothing,
// or what the program's exit status has against it; op is what was done.
func (r *report) judge(op string, exit int) (ok bool, err error) {
	switch {
	case r.wrong != nil:
		err = r.wrong
	case len(r.plan) != 1 || r.plan[0] == 0:
		err = errors.New("it has no plan, or several")
	case r.ok+r.notOK != r.plan[0]:
		err = fmt.Errorf("%d results of %d", r.ok+r.notOK, r.plan[0])
	case len(r.totals) != 2:
		err = errors.New("it has no totals, or several")
	case (exit == 0) != (r.notOK == 0):
		err = fmt.Errorf("%d failed, but the exit status is %d", r.notOK, exit)
	}
	if err != nil {
		return false, fmt.Errorf("%s: the report is not whole: %w", op, err)
	}
	return r.notOK == 0, nil
}
