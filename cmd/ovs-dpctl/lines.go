// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

// maxLine bounds what a line takes: more than any flow's text. An attribute has
// at most 64 KiB.
const maxLine = 1 << 20

// convertLines prints what convert makes of each line of a file, or of standard
// input. A line it refuses is reported and counted, and fails the command in the
// end.
func convertLines(cmd *cobra.Command, args []string, convert func(out, line []byte) ([]byte, error)) error {
	in := cmd.InOrStdin()
	if len(args) > 0 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("read lines: %w", err)
		}
		defer f.Close()
		in = f
	}
	var (
		r        = bufio.NewReaderSize(in, maxLine)
		out      []byte
		bad, all int
	)
	err := eachLine(cmd.Context(), r, func(n int, line []byte, err error) error {
		all++
		if err == nil {
			out, err = convert(out[:0], line)
		}
		if err != nil {
			bad++
			cli.Warnf(cmd, "line %d: %v", n, err)
			return nil
		}
		if _, err := cmd.OutOrStdout().Write(append(out, '\n')); err != nil {
			return fmt.Errorf("write standard output: %w", err)
		}
		if r.Buffered() > 0 {
			return nil
		}
		return cli.Flush(cmd) // whoever writes the lines may wait for the answer
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of %d lines could not be read", bad, all)
	}
	return err
}

// eachLine calls f for every line with its number, until ctx ends. Empty lines
// and comments are left out. What f is given is valid until it returns.
func eachLine(ctx context.Context, r *bufio.Reader, f func(n int, line []byte, err error) error) error {
	var (
		mu   sync.Mutex // held while f runs: it is not interrupted
		done = make(chan error, 1)
	)
	// Nothing wakes up a read of standard input, so that another goroutine
	// must be stuck in it when a signal comes.
	go func() {
		for n := 1; ; n++ {
			line, long, err := readLine(r)
			if err == nil && (long || len(line) > 0 && line[0] != '#') {
				mu.Lock()
				switch err = context.Cause(ctx); {
				case err != nil:
				case long:
					err = f(n, nil, fmt.Errorf("longer than %d bytes", r.Size()))
				default:
					err = f(n, line, nil)
				}
				mu.Unlock()
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	select {
	case err := <-done:
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	case <-ctx.Done():
		mu.Lock() // and f does not run again
		defer mu.Unlock()
		return context.Cause(ctx)
	}
}

// readLine reads a line without the white space around it, or past one that the
// buffer does not hold. At the end it returns io.EOF.
func readLine(r *bufio.Reader) (line []byte, long bool, err error) {
	line, err = r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = r.ReadSlice('\n')
	}
	if errors.Is(err, io.EOF) && (len(line) > 0 || long) {
		err = nil // the last one
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read lines: %w", err)
	}
	return bytes.TrimSpace(line), long, err
}
