// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// cpus are the CPUs this process may use, from its main thread, which is never
// pinned.
var cpus = sync.OnceValues(func() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &set); err != nil {
		return nil, fmt.Errorf("ask for CPUs: %w", err)
	}
	var out []int
	for cpu := 0; len(out) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			out = append(out, cpu)
		}
	}
	return out, nil
})

// PinThread ties the calling goroutine to its thread and that to one CPU, the
// n-th of those this process may use, counted round. Packets sent from there
// are received on that CPU: they stay in order, and counters that the kernel
// keeps without a lock stay exact. A case's own thread is pinned with n = 0.
func PinThread(n int) error {
	list, err := cpus()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(list[n%len(list)])
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin thread to CPU %d: %w", list[n%len(list)], err)
	}
	return nil
}
