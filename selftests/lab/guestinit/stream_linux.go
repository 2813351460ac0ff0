// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

const (
	// pipeSize keeps switches between the command and this process few: each
	// costs tens of microseconds in user-mode Linux.
	pipeSize = 1 << 20
	// patience is how long a lost doorbell byte can delay input.
	patience = 250 * time.Millisecond
)

// streams connects the command with the lines and the run directory.
type streams struct {
	share    string // the run directory
	out, err line

	inBell, ctlBell chan struct{}

	// The command's ends, and ours. On a terminal our ends are its master.
	cmdIn, cmdOut, cmdErr line
	ourIn, ourOut, ourErr line
	tty                   bool

	pumps sync.WaitGroup
	sent  [3]atomic.Int64 // bytes of output on their way

	mu  sync.Mutex
	pid int // the command, while it runs
	hup [3]bool
}

func openStreams(h host, run string, job *wire.Job) (*streams, error) {
	s := &streams{share: run, tty: job.TTY, inBell: make(chan struct{}, 1), ctlBell: make(chan struct{}, 1)}
	var bell line
	for _, l := range []struct {
		name  string
		flags int
		to    *line
	}{
		{wire.LineDoorbell, unix.O_RDONLY, &bell},
		{wire.LineStdout, unix.O_WRONLY, &s.out},
		{wire.LineStderr, unix.O_WRONLY, &s.err},
		{wire.LineReport, unix.O_WRONLY, &reportLine},
	} {
		var err error
		if *l.to, err = h.line(l.name, l.flags); err != nil {
			return nil, err
		}
	}
	go s.listen(bell)
	if job.TTY {
		return s, s.openTerminal(job.Rows, job.Cols)
	}
	for _, p := range []struct{ read, write *line }{{&s.cmdIn, &s.ourIn}, {&s.ourOut, &s.cmdOut}, {&s.ourErr, &s.cmdErr}} {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
			return nil, fmt.Errorf("open pipe: %w", err)
		}
		// A smaller pipe is only slower.
		_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize)
		*p.read, *p.write = line(fds[0]), line(fds[1])
	}
	return s, nil
}

// listen turns doorbell bytes into wake-ups.
func (s *streams) listen(bell line) {
	buf := make([]byte, 256)
	for {
		if n, err := bell.read(buf); n == 0 || err != nil {
			return
		}
		for _, ch := range []chan struct{}{s.inBell, s.ctlBell} {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
	}
}

func wait(bell chan struct{}) {
	select {
	case <-bell:
	case <-time.After(patience):
	}
}

// feed moves input files into the command's standard input, in order.
func (s *streams) feed() {
	dir := filepath.Join(s.share, wire.InputDir)
	for n := 0; ; {
		data, err := os.ReadFile(filepath.Join(dir, wire.InputName(n, false)))
		switch {
		case err == nil:
			report(wire.Report{Kind: wire.ReportAck, N: n})
			n++
			if s.ourIn.write(data) != nil {
				report(wire.Report{Kind: wire.ReportShut})
				s.closeInput()
				return
			}
			continue
		case !errors.Is(err, fs.ErrNotExist):
			fmt.Fprintln(os.Stderr, "dplab init: standard input:", err)
			s.closeInput()
			return
		}
		if _, err := os.Stat(filepath.Join(dir, wire.InputName(n, true))); err == nil {
			s.closeInput()
			return
		}
		wait(s.inBell)
	}
}

func (s *streams) closeInput() {
	if !s.tty {
		s.ourIn.close()
	}
	// A terminal's master stays open: closing it would hang the command up.
}

// obey carries out control messages, in order.
func (s *streams) obey() {
	for n := 0; ; {
		var c wire.Control
		err := wire.ReadJSON(filepath.Join(s.share, wire.ControlDir, strconv.Itoa(n)), &c)
		if errors.Is(err, fs.ErrNotExist) {
			wait(s.ctlBell)
			continue
		}
		n++
		if err != nil {
			fmt.Fprintln(os.Stderr, "dplab init: control:", err)
			continue
		}
		s.control(c)
	}
}

func (s *streams) control(c wire.Control) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pid != 0 && c.Signal != 0 {
		_ = unix.Kill(-s.pid, unix.Signal(c.Signal))
	}
	if c.Rows != 0 && c.Cols != 0 && s.tty {
		_ = unix.IoctlSetWinsize(int(s.ourIn), unix.TIOCSWINSZ, &unix.Winsize{Row: c.Rows, Col: c.Cols})
	}
	if (c.Hangup == 1 || c.Hangup == 2) && !s.tty && !s.hup[c.Hangup] {
		s.hup[c.Hangup] = true
		// Replacing instead of closing keeps the number from being used
		// again under the pump, which may sit in a read of it: that read
		// holds the pipe open for one more write, then the command gets
		// EPIPE.
		to := s.ourOut
		if c.Hangup == 2 {
			to = s.ourErr
		}
		if null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			_ = unix.Dup3(null, int(to), unix.O_CLOEXEC)
			_ = unix.Close(null)
		}
	}
}

// pump moves the command's output to its line until the last writer is gone.
func (s *streams) pump(from, to line, number int) {
	defer s.pumps.Done()
	buf := make([]byte, 128<<10)
	for {
		n, err := from.read(buf)
		if n == 0 || err != nil {
			return
		}
		s.mu.Lock()
		gone := s.hup[number]
		s.mu.Unlock()
		if gone {
			return
		}
		if err := to.write(buf[:n]); err != nil {
			fmt.Fprintf(os.Stderr, "dplab init: output %d: %v\n", number, err)
			return
		}
		s.sent[number].Add(int64(n))
	}
}
