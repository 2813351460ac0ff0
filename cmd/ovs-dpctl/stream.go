// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

// streamFlags are those of commands that print what happens.
type streamFlags struct {
	json     bool
	count    uint64
	duration time.Duration
}

func (f *streamFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().BoolVarP(&f.json, "json", "j", false, "print JSON Lines")
	cmd.Flags().Uint64VarP(&f.count, "count", "c", 0, "end after `N` "+what)
	cmd.Flags().DurationVarP(&f.duration, "duration", "d", 0, "end after `DURATION`, for instance 30s or 5m")
}

// run calls next until it has given as many lines as are wanted, the time is
// over or the user ends it. Every line is written at once: somebody waits for
// it. next tells whether its line counts.
func (f *streamFlags) run(cmd *cobra.Command, next func(context.Context) (line []byte, counts bool, err error)) error {
	ctx := cmd.Context()
	if f.duration < 0 {
		return cli.Usagef("--duration %s: cannot be negative", f.duration)
	}
	var over error
	if f.duration > 0 {
		over = fmt.Errorf("%v are over", f.duration)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.duration, over)
		defer cancel()
	}
	for n := uint64(0); f.count == 0 || n < f.count; {
		line, counts, err := next(ctx)
		if err != nil {
			if ctx.Err() != nil && (over != nil && errors.Is(context.Cause(ctx), over) || cli.Interrupted(ctx)) {
				return nil
			}
			return err
		}
		if _, err := cmd.OutOrStdout().Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write standard output: %w", err)
		}
		if err := cli.Flush(cmd); err != nil {
			return err
		}
		if counts {
			n++
		}
	}
	return nil
}

// clock is how text shows when something happened.
const clock = "15:04:05.000000"

// jsonLine is v on a line.
func jsonLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
