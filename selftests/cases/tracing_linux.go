// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
)

// userMode tells whether the kernel is user-mode Linux. Debian builds it without
// tracing.
func userMode() bool {
	b, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && bytes.Contains(b, []byte("User Mode Linux"))
}

// hasTracefs asks the list of file systems.
func hasTracefs(context.Context) (bool, error) {
	b, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return false, fmt.Errorf("read file systems: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 0 && f[len(f)-1] == "tracefs" {
			return true, nil
		}
	}
	return false, nil
}

// hasDropTrace mounts tracefs and looks for the tracepoint.
func hasDropTrace(t *selftests.T) bool {
	dir, err := os.MkdirTemp("", "dpscope-tracefs")
	t.Must(err)
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := unix.Mount("tracefs", dir, "tracefs", 0, ""); err != nil {
		t.Logf("mount tracefs: %v", err)
		return false
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	_, err = os.Stat(filepath.Join(dir, "events/skb/kfree_skb/enable"))
	return err == nil
}

// newTrace makes a trace of its own. It does not record which program an event
// belongs to: for that the kernel would patch its scheduler, and emulated
// processors were seen to trip over the breakpoint that is there meanwhile. A
// trace takes over the setting as it is when it is made.
func newTrace(t *selftests.T, tracefs string) string {
	option := filepath.Join(tracefs, "options/record-cmd")
	before, err := os.ReadFile(option)
	t.Must(err)
	t.Must(os.WriteFile(option, []byte("0"), 0o600))
	own, err := os.MkdirTemp(filepath.Join(tracefs, "instances"), "dpscope-")
	t.Must(os.WriteFile(option, bytes.TrimSpace(before), 0o600))
	t.Must(err)
	t.Cleanup(func() { _ = os.Remove(own) }) // rmdir takes all of it
	return own
}

// traceDrops gives the tracepoint's lines while fn runs, from a trace of its
// own beside the system's.
func traceDrops(t *selftests.T, fn func()) []string {
	dir, err := os.MkdirTemp("", "dpscope-tracefs")
	t.Must(err)
	t.Cleanup(func() { _ = os.Remove(dir) })
	t.Must(unix.Mount("tracefs", dir, "tracefs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	own := newTrace(t, dir)
	enable := filepath.Join(own, "events/skb/kfree_skb/enable")
	t.Must(os.WriteFile(enable, []byte("1"), 0o600))
	fn()
	t.Must(os.WriteFile(enable, []byte("0"), 0o600))
	b, err := os.ReadFile(filepath.Join(own, "trace"))
	t.Must(err)
	var out []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "kfree_skb:") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// subsystemReasons picks the drop reasons that belong to a part of the kernel
// and not to its core: the part's number in the upper half, which differs
// between releases, and the reason's in the lower.
func subsystemReasons(lines []string) []uint64 {
	var out []uint64
	for _, line := range lines {
		_, text, ok := strings.Cut(line, "reason: 0x")
		if !ok {
			continue
		}
		if v, err := strconv.ParseUint(strings.Fields(text + " 0")[0], 16, 32); err == nil && v>>16 != 0 {
			out = append(out, v&0xffff)
		}
	}
	return out
}

// seeDrop sends a packet and tells the reason the datapath gives for its end.
func (b bridge) seeDrop(t *selftests.T) string {
	frame := b.frame(60)
	lines := traceDrops(t, func() { b.send.Send(frame, 1) })
	reasons := subsystemReasons(lines)
	for _, l := range lines {
		t.Logf("%s", l)
	}
	switch len(reasons) {
	case 0:
		return "no reason"
	case 1:
		return fmt.Sprintf("reason %d", reasons[0])
	default:
		return fmt.Sprintf("reasons %d of one packet", reasons)
	}
}

func seeLastActionDrop(t *selftests.T, b bridge) string {
	b.flow()
	return b.seeDrop(t)
}

func seeExplicitDrop(t *selftests.T, b bridge) string {
	if refused := b.seeFlow(odp.Actions{explicitDrop}...); refused != "taken" {
		return refused
	}
	return b.seeDrop(t)
}
