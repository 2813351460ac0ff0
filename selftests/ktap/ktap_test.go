// SPDX-License-Identifier: Apache-2.0

package ktap

import (
	"errors"
	"strings"
	"testing"
)

func TestWriter(t *testing.T) {
	var out strings.Builder
	k := NewWriter(&out, 4)
	k.Note("a\tb\x1b[31m\r")
	k.Result("one", Outcome{})
	o := Outcome{Status: Skipped, Reason: "no\nperf"}
	k.Result("two", o)
	o.Failf("%d of %d", 1, 2)
	k.Result("three", o)
	k.Result("four", Outcome{Status: Expected, Reason: "it moves"})
	k.Bail("out\nof time")
	k.Totals()
	const want = `KTAP version 1
1..4
# a b?[31m?
ok 1 one
ok 2 two # SKIP no?perf
not ok 3 three
not ok 4 four # XFAIL it moves
Bail out! out?of time
# Totals: pass:1 fail:1 xfail:1 xpass:0 skip:1 error:0
`
	if out.String() != want || k.Err() != nil || k.Counts() != (Counts{1, 1, 1, 1}) {
		t.Errorf("%v, %+v:\n%s", k.Err(), k.Counts(), out.String())
	}
	if o.Lines[0] != "1 of 2" {
		t.Errorf("%+v", o)
	}
}

type full struct{ writes int }

func (f *full) Write([]byte) (int, error) {
	f.writes++
	return 0, errors.New("full")
}

func TestWriteErrorSticks(t *testing.T) {
	w := &full{}
	k := NewWriter(w, 1)
	k.Result("one", Outcome{})
	if k.Err() == nil || w.writes != 1 {
		t.Errorf("%v after %d writes", k.Err(), w.writes)
	}
}
