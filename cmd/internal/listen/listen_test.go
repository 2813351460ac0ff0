// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/psample/export/jsonl"
)

// fakeSource plays a list of samples and errors, then waits for its context or
// for Stop, after which it plays the rest.
type fakeSource struct {
	events  []any // *psample.Sample or error
	rest    []any
	idle    func() error
	stopped chan struct{}
	stats   psample.Stats
}

func (f *fakeSource) Next(ctx context.Context) (*psample.Sample, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(f.events) == 0 && f.stopped != nil {
		select {
		case <-f.stopped:
			f.events, f.rest = f.rest, nil
			if len(f.events) == 0 {
				return nil, io.EOF
			}
		default:
			if err := f.idle(); err != nil {
				return nil, err
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	e := f.events[0]
	f.events = f.events[1:]
	if err, ok := e.(error); ok {
		return nil, err
	}
	f.stats.Delivered++
	return e.(*psample.Sample), nil
}

func (f *fakeSource) Buffered() bool       { return len(f.events) > 0 }
func (f *fakeSource) Stop() error          { close(f.stopped); return nil }
func (f *fakeSource) Stats() psample.Stats { return f.stats }

// play runs a reader over a source inside a command and returns its outcome.
func play(ctx context.Context, set settings, src *fakeSource, out io.Writer) (code int, stderr string) {
	src.stopped = make(chan struct{})
	var errs bytes.Buffer
	cmd := &cobra.Command{Use: "psample-listen", RunE: func(cmd *cobra.Command, _ []string) error {
		r := &reader{cmd: cmd, set: set, src: src, enc: jsonl.New(jsonl.Options{})}
		src.idle = r.flush
		return r.run(cmd.Context())
	}}
	code = cli.Run(ctx, cmd, nil, cli.Streams{Out: out, Err: &errs})
	return code, errs.String()
}

// types lists the record types of JSON Lines.
func types(t *testing.T, out string) string {
	t.Helper()
	var s []string
	for line := range strings.Lines(out) {
		var rec struct{ Type string }
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		s = append(s, rec.Type)
	}
	return strings.Join(s, " ")
}

func TestReader(t *testing.T) {
	sample := &psample.Sample{Group: 1}
	loss := &psample.LossError{Dropped: 2, TotalDropped: 2}
	lost := psample.Stats{Dropped: 2}
	for _, tt := range []struct {
		name   string
		set    settings
		src    fakeSource
		code   int
		out    string
		stderr []string
	}{
		{"count", settings{options: options{count: 2}}, fakeSource{events: []any{sample, sample, sample}},
			0, "sample sample", []string{"2 samples printed"}},
		{"duration, then what is queued", settings{options: options{duration: time.Minute}}, fakeSource{events: []any{sample}, rest: []any{sample, loss, io.EOF}, stats: lost},
			0, "sample sample loss", []string{"lost 2 samples: receive buffer full\n", "lost 2 (receive buffer full 2"}},
		{"strict and lost", settings{options: options{strict: true, count: 1}}, fakeSource{events: []any{loss, sample}, stats: lost},
			5, "loss sample", []string{"lost 2 ("}},
		{"strict and nothing lost", settings{options: options{strict: true, count: 1}}, fakeSource{events: []any{sample}},
			0, "sample", []string{"lost 0 ("}},
		{"malformed goes on", settings{options: options{count: 1}}, fakeSource{events: []any{&psample.MalformedError{Err: errors.New("bad")}, sample}},
			0, "malformed sample", []string{"malformed message: bad"}},
		{"module gone and back", settings{options: options{count: 1}}, fakeSource{events: []any{&psample.ModuleError{}, &psample.ModuleError{Loaded: true}, sample}},
			0, "module module sample", []string{"was unloaded", "is loaded again"}},
		{"failure keeps what was read", settings{}, fakeSource{events: []any{sample, &nl.Error{Op: "join", Err: syscall.EPERM}}},
			1, "sample", []string{"join: operation not permitted", "CAP_NET_ADMIN", "1 samples printed"}},
		{"group summary", settings{options: options{count: 1}}, fakeSource{events: []any{sample}, stats: psample.Stats{Groups: map[uint32]psample.GroupStats{
			7: {Received: 5, Missing: 1}, 3: {Received: 1, Resets: 2}, 5: {Received: 9}}}},
			0, "sample", []string{"group 3: 1 samples, 0 sequence numbers missing, 0 twice, count restarted 2 times\npsample-listen: group 7: 5 samples, 1 seq"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				code, stderr := play(t.Context(), tt.set, &tt.src, &out)
				if code != tt.code {
					t.Errorf("exit status %d, want %d", code, tt.code)
				}
				if got := types(t, out.String()); got != tt.out {
					t.Errorf("output %q, want %q", got, tt.out)
				}
				for _, want := range tt.stderr {
					if !strings.Contains(stderr, want) {
						t.Errorf("no %q in %q", want, stderr)
					}
				}
			})
		})
	}
}

func TestReaderInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Hour, cancel)
		var out bytes.Buffer
		src := &fakeSource{events: []any{&psample.Sample{}}, rest: []any{&psample.Sample{}, io.EOF}}
		code, stderr := play(ctx, settings{}, src, &out)
		if code != 0 || types(t, out.String()) != "sample sample" || !strings.Contains(stderr, "2 samples printed") {
			t.Errorf("exit status %d, output %q, stderr %q", code, out.String(), stderr)
		}
	})
}

// TestReaderIsNotLate checks that a sample is out before the reader waits.
func TestReaderIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, w := io.Pipe()
		go func() {
			_, _ = play(ctx, settings{}, &fakeSource{events: []any{&psample.Sample{}}, rest: []any{io.EOF}}, w)
			_ = w.Close()
		}()
		start := time.Now()
		buf := make([]byte, 1024)
		if _, err := r.Read(buf); err != nil || time.Since(start) > flushDelay {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		cancel()
		_, _ = io.Copy(io.Discard, r)
	})
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestReaderOutputFails(t *testing.T) {
	src := func() *fakeSource { return &fakeSource{events: []any{&psample.Sample{}, &psample.Sample{}}} }
	if code, stderr := play(t.Context(), settings{}, src(), brokenPipe{}); code != 0 || strings.Contains(stderr, "pipe") {
		t.Errorf("closed pipe: exit status %d, stderr %q", code, stderr)
	}
	if code, stderr := play(t.Context(), settings{}, src(), fullDisk{}); code != 1 || !strings.Contains(stderr, "write standard output: no space left") {
		t.Errorf("full disk: exit status %d, stderr %q", code, stderr)
	}
}

func TestNoticesAreThinnedOutOnStderr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{}
		for range 50 {
			src.events = append(src.events, &psample.LossError{Dropped: 1})
		}
		src.events = append(src.events, &psample.Sample{})
		var out bytes.Buffer
		_, stderr := play(t.Context(), settings{options: options{count: 1}}, src, &out)
		if n := strings.Count(stderr, "lost 1 samples"); n != 1 {
			t.Errorf("%d lines on stderr", n)
		}
		if n := strings.Count(out.String(), `"loss"`); n != 50 {
			t.Errorf("%d records", n)
		}
	})
}

func TestCommandLine(t *testing.T) {
	defer func(f func(context.Context) (bool, error)) { sampleCookie = f }(sampleCookie)
	for _, tt := range []struct {
		args   string
		probe  func(context.Context) (bool, error)
		code   int
		stderr string
	}{
		{"-g x", nil, 2, `--group "x": a psample group is a number`},
		{"-g 4294967296", nil, 2, "from 0 to 4294967295"},
		{"-g -1", nil, 2, "--group"},
		{"-c -1", nil, 2, "-c"},
		{"-d nonsense", nil, 2, "--duration"},
		{"-d -1s", nil, 2, "cannot be negative"},
		{"-d 0s", nil, 2, "must be more than 0"},
		{"-c 0", nil, 2, "must be more than 0"},
		{"--buffer -5", nil, 2, "--buffer"},
		{"--cookie-format ipfix", nil, 2, "known: auto, ovs, raw"},
		{"surplus", nil, 2, "surplus"},
		{"--nonsense", nil, 2, "--nonsense"},
		{"-N no-such-netns-here", nil, 1, "no-such-netns-here"},
		{"-N /proc/self/ns/uts", nil, 1, "/proc/self/ns/uts"},
		{"--require-cookie", func(context.Context) (bool, error) { return false, nil }, 3, "Linux 6.11, or 6.1 with dpscope's kernel patches"},
		{"--require-cookie", func(context.Context) (bool, error) {
			return false, fmt.Errorf("probe: %w", &nl.UnsupportedError{Feature: "act_sample"})
		}, 3, "act_sample"},
		{"--require-cookie", func(context.Context) (bool, error) { return false, errors.New("no luck") }, 1, "no luck"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			sampleCookie = tt.probe
			var out, errs bytes.Buffer
			code := cli.Run(t.Context(), Tool(), strings.Fields(tt.args), cli.Streams{Out: &out, Err: &errs})
			if code != tt.code || !strings.Contains(errs.String(), tt.stderr) || out.Len() > 0 {
				t.Errorf("exit status %d, stderr %q, stdout %q", code, errs.String(), out.String())
			}
			if strings.Count(errs.String(), "\n") != 1 || !strings.HasPrefix(errs.String(), "psample-listen: ") {
				t.Errorf("not one line in the usual form: %q", errs.String())
			}
		})
	}
}

func TestGroupList(t *testing.T) {
	set, err := options{groups: []string{"5", "0x10"}, cookieFormat: "raw"}.check()
	if err != nil || len(set.groups) != 2 || set.groups[1] != 16 {
		t.Errorf("%v, %v", set.groups, err)
	}
	if got := groupNames(set.groups); got != "groups 5, 16" {
		t.Error(got)
	}
}
