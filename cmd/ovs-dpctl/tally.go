// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

// tally counts what was done with the flows of a file, shows how far it is on a
// terminal, and sums up.
type tally struct {
	cmd      *cobra.Command
	done     [lineDelete + 1]int
	failed   int
	terminal bool
	shown    time.Time
}

// showEvery is the least time between two looks of the progress line.
const showEvery = 200 * time.Millisecond

func newTally(cmd *cobra.Command) *tally {
	t := &tally{cmd: cmd, shown: time.Now()}
	if f, ok := cmd.ErrOrStderr().(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		t.terminal = err == nil
	}
	return t
}

func (t *tally) count(op lineOp, err error) {
	if err != nil {
		t.failed++
	} else {
		t.done[op]++
	}
	if t.terminal && time.Since(t.shown) >= showEvery {
		t.shown = time.Now()
		fmt.Fprintf(t.cmd.ErrOrStderr(), "\r%d flows", t.all())
	}
}

func (t *tally) all() int {
	n := t.failed
	for _, d := range t.done {
		n += d
	}
	return n
}

// clear takes the progress line away, for a message to stand in its place.
func (t *tally) clear() {
	if t.terminal {
		fmt.Fprint(t.cmd.ErrOrStderr(), "\r\x1b[K")
	}
}

func (t *tally) end(dp string) {
	t.clear()
	cli.Warnf(t.cmd, "%s %s: %d added, %d changed, %d deleted, %d failed",
		t.cmd.Name(), dp, t.done[lineAdd], t.done[lineModify], t.done[lineDelete], t.failed)
}
