// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// copyOut moves one output stream. When our reader is gone the command shall
// notice, as it would without a lab.
func (m *machine) copyOut(number int, from *os.File, to io.Writer) {
	defer m.copies.Done()
	defer from.Close()
	defer m.count(number, 0, true)
	if to == nil {
		to = io.Discard
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && to != nil {
			if _, werr := to.Write(buf[:n]); werr != nil {
				m.outputFailed(number, werr)
				m.control.post(wire.Control{Hangup: number})
				to = nil
			}
		}
		m.count(number, n, false)
		if err != nil {
			return
		}
	}
}

func (m *machine) count(number, n int, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passed[number] += int64(n)
	m.over[number] = m.over[number] || over
	m.moved.Broadcast()
}

// passedOn is closed when all the output that a guest has sent has been passed
// on, or will never be.
func (m *machine) passedOn(done wire.Report) <-chan struct{} {
	all := make(chan struct{})
	go func() {
		defer close(all)
		m.mu.Lock()
		defer m.mu.Unlock()
		for number, sent := range map[int]int64{1: done.Out, 2: done.Err} {
			for m.passed[number] < sent && !m.over[number] {
				m.moved.Wait()
			}
		}
	}()
	return all
}

// outputFailed notes output that could not be passed on. A reader that has seen
// enough is no failure.
func (m *machine) outputFailed(number int, err error) {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return
	}
	name := "standard output"
	if number == 2 {
		name = "standard error"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost == nil {
		m.lost = fmt.Errorf("write %s: %w", name, cause(err))
	}
}

// cause leaves out the name that os gives a standard stream.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
