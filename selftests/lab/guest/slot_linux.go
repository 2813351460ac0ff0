// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// slotLevels is how many guests per processor are told apart; further ones are
// not pinned.
const slotLevels = 16

// pickSlot tries the processors in turn, beginning with the first one that has
// no guest, then those with one, and so on. It returns -1 when take refuses
// all.
func pickSlot(cpus []int, start int, take func(cpu, level int) bool) int {
	for level := range slotLevels {
		for i := range cpus {
			if cpu := cpus[(start+i)%len(cpus)]; take(cpu, level) {
				return cpu
			}
		}
	}
	return -1
}

// takeSlot finds the least used processor among those this process may use.
// The returned file keeps the slot until its last copy is closed.
func takeSlot(dir string) (cpu int, slot *os.File, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return -1, nil, fmt.Errorf("choose processor: %w", err)
	}
	var cpus []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return -1, nil, fmt.Errorf("choose processor: %w", err)
	}
	if len(cpus) == 0 {
		return -1, nil, nil
	}
	// Users of one machine do not see each other's locks; starting at
	// different places spreads them too.
	cpu = pickSlot(cpus, os.Getpid(), func(cpu, level int) bool {
		f, lerr := lockFile(filepath.Join(dir, fmt.Sprintf("cpu%d.%d", cpu, level)))
		if lerr == nil {
			slot = f
			return true
		}
		if !errors.Is(lerr, unix.EWOULDBLOCK) {
			err = lerr
		}
		return false
	})
	if slot == nil && err != nil {
		return -1, nil, fmt.Errorf("choose processor: %w", err)
	}
	return cpu, slot, nil
}

// lockFile opens a file and takes its lock, or fails with EWOULDBLOCK.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
