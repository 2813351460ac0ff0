// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"

	"github.com/dpscope/dpscope/ovs"
)

// dumpTries is how often an interrupted dump is started over.
const dumpTries = 10

// dumpTo writes what dump does. A dump that the kernel says was interrupted is
// started over as long as nothing of it has left; then it is an error.
func dumpTo(w io.Writer, dump func(io.Writer) error) error {
	for try := 1; ; try++ {
		out := &holder{w: w}
		err := dump(out)
		if errors.Is(err, ovs.ErrInterrupted) && !out.gone && try < dumpTries {
			continue
		}
		return errors.Join(err, out.release())
	}
}

// holdSize is how much output is kept back while a dump may still have to be
// started over.
const holdSize = 256 << 10

// holder keeps output back until there is much of it.
type holder struct {
	w    io.Writer
	held []byte
	gone bool // some has been written
}

func (h *holder) Write(b []byte) (int, error) {
	if h.gone {
		return h.w.Write(b)
	}
	h.held = append(h.held, b...)
	if len(h.held) >= holdSize {
		return len(b), h.release()
	}
	return len(b), nil
}

// release writes what is held.
func (h *holder) release() error {
	held := h.held
	h.gone, h.held = true, nil
	if len(held) == 0 {
		return nil
	}
	_, err := h.w.Write(held)
	return err
}
