// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Bits of /proc/sys/kernel/tainted that a kernel bug sets, linux/panic.h:
// TAINT_DIE, TAINT_WARN, TAINT_SOFTLOCKUP.
var taints = map[uint]string{7: "an oops", 9: "a warning", 14: "a soft lockup"}

// kmsg reads /dev/kmsg, and notices by the taint flags what was logged out of
// its sight.
type kmsg struct {
	fd    int
	taint uint64
}

// OpenKernelLog opens the kernel's log. The error tells that this process may
// not read it.
func OpenKernelLog() (KernelLog, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/kmsg: %w", err)
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open /dev/kmsg: %w", err)
	}
	k := &kmsg{fd: fd}
	k.taint, _ = readTaint()
	return k, nil
}

// kmsgMax is PRINTKRB_RECORD_MAX and more: a shorter read is refused.
const kmsgMax = 16 << 10

func (k *kmsg) Next() ([]string, error) {
	var (
		out  []string
		lost error
		buf  = make([]byte, kmsgMax)
	)
	for {
		n, err := unix.Read(k.fd, buf)
		switch {
		case err == nil && n > 0:
			if text, ok := ParseKmsg(string(buf[:n])); ok {
				out = append(out, text)
			}
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EPIPE):
			lost = errors.New("messages were overwritten before they could be read")
			continue
		case err != nil && !errors.Is(err, unix.EAGAIN):
			lost = fmt.Errorf("read /dev/kmsg: %w", err)
		}
		break
	}
	return append(out, k.tainted()...), lost
}

// tainted tells of taint flags that came up since the last time, in the words
// Alarming looks for.
func (k *kmsg) tainted() []string {
	now, err := readTaint()
	if err != nil {
		return nil
	}
	var out []string
	for bit, what := range taints {
		if now&^k.taint&(1<<bit) != 0 {
			out = append(out, fmt.Sprintf("BUG: the kernel is tainted by %s now", what))
		}
	}
	k.taint = now
	return out
}

func readTaint() (uint64, error) {
	b, err := os.ReadFile("/proc/sys/kernel/tainted")
	if err != nil {
		return 0, fmt.Errorf("read taint flags: %w", err)
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}
