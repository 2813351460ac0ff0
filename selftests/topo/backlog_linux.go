// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// settleTime bounds the wait for a CPU's backlog: on a host with traffic of its
// own it may never be empty.
const settleTime = time.Second

// backlog watches how many received packets wait to be processed. A veth device
// puts what it is sent into its CPU's backlog, which holds a thousand packets
// (net.core.netdev_max_backlog) and drops what comes on top. Usually it is
// worked off at once, but under load the kernel leaves that to a thread.
type backlog struct{ fd int }

// openBacklog opens the statistics. Without them nothing is waited for.
func openBacklog() *backlog {
	fd, err := unix.Open("/proc/net/softnet_stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		fd = -1
	}
	return &backlog{fd: fd}
}

func (b *backlog) close() {
	if b.fd >= 0 {
		_ = unix.Close(b.fd)
		b.fd = -1
	}
}

// settle waits until the backlog of the CPU it is called on is empty.
func (b *backlog) settle() {
	if b.fd < 0 {
		return
	}
	buf := make([]byte, 16<<10)
	deadline := time.Now().Add(settleTime)
	for {
		n, err := unix.Pread(b.fd, buf, 0)
		if err != nil || waiting(string(buf[:n]), currentCPU()) == 0 || time.Now().After(deadline) {
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// Columns of /proc/net/softnet_stat, net/core/net-procfs.c.
const (
	softnetBacklog = 11
	softnetCPU     = 12
)

// waiting reads a CPU's backlog from the text of softnet_stat: a line per CPU,
// hexadecimal columns. Kernels before 5.10 do not tell; that counts as none.
func waiting(text string, cpu uint64) uint64 {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) <= softnetCPU {
			continue
		}
		id, err := strconv.ParseUint(f[softnetCPU], 16, 32)
		if err != nil || id != cpu {
			continue
		}
		n, err := strconv.ParseUint(f[softnetBacklog], 16, 32)
		if err != nil {
			return 0
		}
		return n
	}
	return 0
}

func currentCPU() uint64 {
	var cpu uint32
	if _, _, errno := unix.Syscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return 0
	}
	return uint64(cpu)
}
