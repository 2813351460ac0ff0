// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// feeder writes standard input into numbered files for the guest and removes
// those it has taken over.
type feeder struct {
	dir  string
	ring func()
	room chan struct{} // one token per file that may wait
	quit chan struct{}

	mu      sync.Mutex
	stopped bool
}

func newFeeder(dir string, ring func()) *feeder {
	return &feeder{dir: dir, ring: ring, room: make(chan struct{}, wire.MaxChunks), quit: make(chan struct{})}
}

// run reads to the end, or until stop. It tells why it could not read on, or
// could not hand over what it had read.
func (f *feeder) run(in io.Reader) (readErr, putErr error) {
	n := 0
	if in != nil {
		buf := make([]byte, wire.ChunkSize)
		for {
			select {
			case f.room <- struct{}{}:
			case <-f.quit:
				return nil, nil
			}
			// One read, not a full buffer: what a person or a program has
			// written so far must arrive now.
			got, err := in.Read(buf)
			if got > 0 {
				if more, err := f.put(wire.InputName(n, false), buf[:got]); !more {
					return nil, err
				}
				n++
			} else {
				<-f.room
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					readErr = err
				}
				break
			}
		}
	}
	_, putErr = f.put(wire.InputName(n, true), nil)
	return readErr, putErr
}

// put writes a file for the guest, unless it takes no more.
func (f *feeder) put(name string, data []byte) (more bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return false, nil
	}
	if err := wire.WriteFile(filepath.Join(f.dir, name), data); err != nil {
		return false, fmt.Errorf("hand over standard input: %w", err)
	}
	f.ring()
	return true, nil
}

// ack frees what the guest has taken over.
func (f *feeder) ack(n int) {
	_ = os.Remove(filepath.Join(f.dir, wire.InputName(n, false)))
	select {
	case <-f.room:
	default:
	}
}

// stop ends the hand-over: nothing is written from here on.
func (f *feeder) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.stopped = true
		close(f.quit)
	}
}

// mailbox carries control messages to the guest.
type mailbox struct {
	dir  string
	ring func()

	mu     sync.Mutex
	n      int
	closed bool
}

func (b *mailbox) post(c wire.Control) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || wire.WriteJSON(filepath.Join(b.dir, strconv.Itoa(b.n)), c) != nil {
		return
	}
	b.n++
	b.ring()
}

func (b *mailbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}
