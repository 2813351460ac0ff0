// SPDX-License-Identifier: Apache-2.0

// Package ktap writes and reads reports in KTAP, the kernel's test anything
// protocol, version 1.
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
	// Expected is a failure that was reckoned with and does not count (XFAIL).
	Expected
)

// String is a word for tables.
func (s Status) String() string {
	switch s {
	case Passed:
		return "ok"
	case Failed:
		return "FAIL"
	case Skipped:
		return "skip"
	case Expected:
		return "xfail"
	}
	return fmt.Sprintf("status %d", int(s))
}

// MarshalText is the word, for JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Outcome is a test's end with what there is to say about it.
type Outcome struct {
	Status Status
	Reason string // of a skip or an expected failure
	Lines  []string
}

// Failf makes a failure of the outcome, with one more line.
func (o *Outcome) Failf(format string, args ...any) {
	o.Status = Failed
	o.Lines = append(o.Lines, fmt.Sprintf(format, args...))
}

// Counts are the results of a report so far.
type Counts struct{ Passed, Failed, Skipped, Expected int }

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
	n := k.counts.Passed + k.counts.Failed + k.counts.Skipped + k.counts.Expected + 1
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
	case Expected:
		k.counts.Expected++
		k.printf("not ok %d %s # XFAIL %s\n", n, name, printable(o.Reason))
	}
}

// Totals writes the line the kernel's own tests end with.
func (k *Writer) Totals() {
	k.printf("# Totals: pass:%d fail:%d xfail:%d xpass:0 skip:%d error:0\n",
		k.counts.Passed, k.counts.Failed, k.counts.Expected, k.counts.Skipped)
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
