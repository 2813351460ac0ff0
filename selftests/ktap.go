// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"fmt"
	"io"
	"strings"
)

// ktap writes a report in KTAP version 1. The first write error sticks.
type ktap struct {
	w   io.Writer
	err error
}

func (k *ktap) printf(format string, args ...any) {
	if k.err == nil {
		_, k.err = fmt.Fprintf(k.w, format, args...)
	}
}

func (k *ktap) plan(n int) { k.printf("KTAP version 1\n1..%d\n", n) }

// note writes a diagnostic line. Control characters are replaced: log
// lines of the kernel may carry anything.
func (k *ktap) note(line string) { k.printf("# %s\n", printable(line)) }

func (k *ktap) result(n int, name string, o outcome) {
	switch o.status {
	case skipped:
		k.printf("ok %d %s # SKIP %s\n", n, name, printable(o.reason))
	case passed:
		k.printf("ok %d %s\n", n, name)
	case failed:
		k.printf("not ok %d %s\n", n, name)
	}
}

// totals writes the line the kernel's own tests end with.
func (k *ktap) totals(r Result) {
	k.printf("# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:%d error:0\n", r.Passed, r.Failed, r.Skipped)
}

func (k *ktap) bail(reason string) { k.printf("Bail out! %s\n", printable(reason)) }

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
