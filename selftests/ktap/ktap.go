// SPDX-License-Identifier: Apache-2.0

// Package ktap writes reports in KTAP, the kernel's test anything protocol,
// version 1.
package ktap

import (
	"fmt"
	"io"
	"strings"
)

// Status is how a test ended.
type Status int

// What can become of a test.
const (
	Passed Status = iota
	Failed
	Skipped
)

// Outcome is a test's end with what there is to say about it.
type Outcome struct {
	Status Status
	Reason string // of a skip
	Lines  []string
}

// Failf makes a failure of the outcome, with one more line.
func (o *Outcome) Failf(format string, args ...any) {
	o.Status = Failed
	o.Lines = append(o.Lines, fmt.Sprintf(format, args...))
}

// Counts are the results of a report so far.
type Counts struct{ Passed, Failed, Skipped int }

// Writer writes a report. The first write error sticks.
type Writer struct {
	w      io.Writer
	err    error
	counts Counts
}

// NewWriter begins a report of n tests.
func NewWriter(w io.Writer, n int) *Writer {
	k := &Writer{w: w}
	k.printf("KTAP version 1\n1..%d\n", n)
	return k
}

func (k *Writer) printf(format string, args ...any) {
	if k.err == nil {
		_, k.err = fmt.Fprintf(k.w, format, args...)
	}
}

// Err is the first error of a write.
func (k *Writer) Err() error { return k.err }

// Counts tells what has been reported.
func (k *Writer) Counts() Counts { return k.counts }

// Note writes a diagnostic line. Control characters are replaced: log lines
// of the kernel may carry anything.
func (k *Writer) Note(line string) { k.printf("# %s\n", printable(line)) }

// Result writes the next test's result; its lines are the caller's to note.
func (k *Writer) Result(name string, o Outcome) {
	n := k.counts.Passed + k.counts.Failed + k.counts.Skipped + 1
	switch o.Status {
	case Skipped:
		k.counts.Skipped++
		k.printf("ok %d %s # SKIP %s\n", n, name, printable(o.Reason))
	case Passed:
		k.counts.Passed++
		k.printf("ok %d %s\n", n, name)
	case Failed:
		k.counts.Failed++
		k.printf("not ok %d %s\n", n, name)
	}
}

// Totals writes the line the kernel's own tests end with.
func (k *Writer) Totals() {
	k.printf("# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:%d error:0\n", k.counts.Passed, k.counts.Failed, k.counts.Skipped)
}

// Bail tells that not all tests were run.
func (k *Writer) Bail(reason string) { k.printf("Bail out! %s\n", printable(reason)) }

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
