// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/dpscope/dpscope/selftests"
)

// Execute tries lists on the running kernel and writes what it did, in a
// network namespace of its own. h says which lists, and what to call the kernel.
func Execute(ctx context.Context, h Header, limit time.Duration, out io.Writer) error {
	var (
		failed error
		at     atomic.Int64 // the list that is being tried
	)
	at.Store(-1)
	err := selftests.TrialWithin(ctx, limit, func(t *selftests.T) {
		e := newExecutor(t)
		h.Trunc, h.Recirc = e.header.Trunc, e.header.Recirc
		failed = write(t, h, e, out, &at)
	})
	switch i := at.Load(); {
	case err == nil:
		return failed
	case i < 0:
		return err
	default:
		return fmt.Errorf("%s: %w", Generate(h.Seed, int(i)), err)
	}
}

func write(t *selftests.T, h Header, e *executor, out io.Writer, at *atomic.Int64) error {
	w, err := NewWriter(out, h)
	if err != nil {
		return err
	}
	for i := h.From; i < h.From+h.Count; i++ {
		t.Must(t.Context().Err())
		at.Store(int64(i))
		if err := w.Write(e.try(Generate(h.Seed, i))); err != nil {
			return err
		}
	}
	return w.Close()
}
