// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/psample/export/jsonl"
	"github.com/dpscope/dpscope/psample/export/text"
)

const (
	// flushSize is when collected output is written: writes of 64 KiB and more
	// cost least per sample.
	flushSize = 64 << 10
	// flushDelay bounds how late a sample is while more keep coming; when none
	// do, it is written at once.
	flushDelay = 100 * time.Millisecond
	// noticeEvery is the least time between two lines on stderr about losses;
	// the output has every one.
	noticeEvery = time.Second
)

// source is what run reads from.
type source interface {
	Next(context.Context) (*psample.Sample, error)
	Buffered() bool
	Stop() error
	Stats() psample.Stats
}

// encoder is an output format.
type encoder interface {
	AppendSample([]byte, *psample.Sample) []byte
	AppendNotice([]byte, psample.Notice) []byte
}

func listen(cmd *cobra.Command, set settings, ns *nl.NetNS) error {
	r := &reader{cmd: cmd, set: set, buf: make([]byte, 0, 2*flushSize)}
	l, err := psample.Listen(psample.Config{NetNS: ns, Groups: set.groups, ReadBuffer: set.buffer, Idle: r.flush})
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	// After Listen, so that what keeps both from working is said once.
	ifname, closeNames := names(cmd, set, ns)
	defer closeNames()
	if set.json {
		r.enc = jsonl.New(jsonl.Options{IfName: ifname, Cookie: set.cookie})
	} else {
		r.enc = text.New(text.Options{IfName: ifname, Cookie: set.cookie})
	}
	r.src = l
	cli.Warnf(cmd, "ready: listening to %s%s, receive buffer %d bytes", groupNames(set.groups), inNetNS(ns), l.ReadBuffer())
	return r.run(cmd.Context())
}

// names opens the naming of interfaces unless -n was given. Without it samples
// are still worth printing, by number.
func names(cmd *cobra.Command, set settings, ns *nl.NetNS) (func(uint32, bool) (string, bool), func()) {
	if set.numeric {
		return nil, func() {}
	}
	n, err := psample.OpenIfNames(ns)
	if err != nil {
		cli.Warnf(cmd, "interface names: %v; printing numbers", err)
		return nil, func() {}
	}
	return n.Name, func() { _ = n.Close() }
}

func groupNames(groups []uint32) string {
	if len(groups) == 0 {
		return "all groups"
	}
	s := make([]string, len(groups))
	for i, g := range groups {
		s[i] = strconv.FormatUint(uint64(g), 10)
	}
	if len(s) == 1 {
		return "group " + s[0]
	}
	return "groups " + strings.Join(s, ", ")
}

func inNetNS(ns *nl.NetNS) string {
	if ns == nil {
		return ""
	}
	return " in network namespace " + ns.String()
}

// reader carries samples from a source to the output.
type reader struct {
	cmd *cobra.Command
	set settings
	src source
	enc encoder

	buf     []byte
	flushed time.Time // when output was last written
	printed uint64

	noted      time.Time // when stderr last heard of a loss
	suppressed int
}

// run reads until the count is reached, the time is over, the user interrupts
// or something fails; then it writes what it has and sums up.
func (r *reader) run(ctx context.Context) error {
	err := r.read(ctx)
	if ferr := r.flush(); err == nil {
		err = ferr
	}
	st := r.src.Stats()
	r.summary(st)
	switch {
	case err != nil:
		return err
	case r.set.strict && st.Lost() > 0:
		return cli.Exit(cli.ExitInconclusive)
	}
	return nil
}

func (r *reader) read(parent context.Context) error {
	ctx, cancel := r.set.deadline(parent)
	defer cancel()
	stopping := false
	for {
		s, err := r.src.Next(ctx)
		var notice psample.Notice
		switch {
		case err == nil:
			r.buf = r.enc.AppendSample(r.buf, s)
			r.printed++
			if r.set.count > 0 && r.printed == r.set.count {
				return nil
			}
		case errors.As(err, &notice):
			r.buf = r.enc.AppendNotice(r.buf, notice)
			r.note(notice)
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil && errors.Is(err, ctx.Err()) && !stopping:
			// Leave the multicast group and read what is queued: it was
			// sampled in time.
			if err := r.src.Stop(); err != nil {
				return err
			}
			stopping, ctx = true, context.WithoutCancel(parent)
			continue
		default:
			return err
		}
		if err := r.flushIfDue(); err != nil {
			return err
		}
	}
}

// flushIfDue writes when enough is collected or the oldest of it has waited
// long enough; the clock is read once per batch.
func (r *reader) flushIfDue() error {
	if len(r.buf) >= flushSize {
		return r.flush()
	}
	if r.src.Buffered() {
		return nil
	}
	if now := time.Now(); now.Sub(r.flushed) >= flushDelay {
		return r.flush()
	}
	return nil
}

// flush writes what is collected. The listener calls it before it waits.
func (r *reader) flush() error {
	r.flushed = time.Now()
	if len(r.buf) == 0 {
		return nil
	}
	_, err := r.cmd.OutOrStdout().Write(r.buf)
	r.buf = r.buf[:0]
	if err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	return cli.Flush(r.cmd)
}

// note tells stderr of a loss, at most once per noticeEvery.
func (r *reader) note(n psample.Notice) {
	var module *psample.ModuleError
	now := time.Now()
	if !errors.As(n, &module) && now.Sub(r.noted) < noticeEvery {
		r.suppressed++
		return
	}
	r.noted = now
	more := ""
	if r.suppressed > 0 {
		more = fmt.Sprintf(" (and %d reports before this one)", r.suppressed)
		r.suppressed = 0
	}
	cli.Warnf(r.cmd, "%s%s", n.Error(), more)
}

func (r *reader) summary(st psample.Stats) {
	cli.Warnf(r.cmd, "%d samples printed, %d received, %d of other groups; lost %d (receive buffer full %d, vanished in the kernel %d, malformed %d)",
		r.printed, st.Received, st.Filtered, st.Lost(), st.Dropped, st.Vanished, st.Malformed)
	for _, g := range sortedGroups(st) {
		gs := st.Groups[g]
		if gs.Missing+gs.Duplicates+gs.Resets > 0 {
			cli.Warnf(r.cmd, "group %d: %d samples, %d sequence numbers missing, %d twice, count restarted %d times",
				g, gs.Received, gs.Missing, gs.Duplicates, gs.Resets)
		}
	}
}

func sortedGroups(st psample.Stats) []uint32 {
	out := make([]uint32, 0, len(st.Groups))
	for g := range st.Groups {
		out = append(out, g)
	}
	slices.Sort(out)
	return out
}
