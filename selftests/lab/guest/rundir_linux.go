// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

const (
	runPrefix  = "dplab-run-"
	newPrefix  = "dplab-new-"
	lockName   = "lock"
	configName = "guard.json"
)

// runBases are the places a run directory, and with it the file behind the
// guest's memory, may be made in, best first.
func runBases() []string {
	bases := []string{"/dev/shm", os.TempDir(), "/tmp", "/var/tmp"}
	bases = slices.DeleteFunc(bases, func(b string) bool { return !plainPath(b) || len(b) > 40 })
	slices.Sort(bases[1:])
	return slices.Compact(bases)
}

// makeRunDir makes a run directory with room for the guest's memory and takes
// its lock. Memory on a disk works, only slower.
func makeRunDir(memory int64) (dir string, lock *os.File, err error) {
	var causes []error
	for _, ram := range []bool{true, false} {
		for _, base := range runBases() {
			isRAM, err := fits(base, memory)
			if err == nil && isRAM == ram {
				dir, lock, err = newRunDir(base)
				if err == nil {
					return dir, lock, nil
				}
			}
			if err != nil && ram {
				causes = append(causes, fmt.Errorf("%s: %w", base, err))
			}
		}
	}
	return "", nil, fmt.Errorf("make run directory: %w", errors.Join(causes...))
}

// fits judges a file system for the guest's memory.
func fits(base string, memory int64) (ram bool, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(base, &st); err != nil {
		return false, err
	}
	switch {
	case st.Flags&unix.ST_NOEXEC != 0:
		return false, errors.New("mounted noexec, which the guest's memory cannot be")
	case st.Flags&unix.ST_RDONLY != 0:
		return false, unix.EROFS
	case int64(st.Bavail)*st.Bsize < memory:
		return false, fmt.Errorf("only %d MB free", int64(st.Bavail)*st.Bsize>>20)
	}
	return st.Type == unix.TMPFS_MAGIC, nil
}

// newRunDir makes a run directory under a name of its own kind and renames it
// once it is locked, so that it is never seen unlocked while it is in use.
func newRunDir(base string) (string, *os.File, error) {
	tmp, err := os.MkdirTemp(base, newPrefix)
	if err != nil {
		return "", nil, err
	}
	lock, err := lockFile(filepath.Join(tmp, lockName))
	for _, sub := range []string{wire.InputDir, wire.ControlDir} {
		if err == nil {
			err = os.Mkdir(filepath.Join(tmp, sub), 0o700)
		}
	}
	dir := filepath.Join(base, runPrefix+strings.TrimPrefix(filepath.Base(tmp), newPrefix))
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
		return "", nil, err
	}
	return dir, lock, nil
}

// Sweep removes run directories of this user that nobody holds: what is left
// when caller and guard were killed together.
func Sweep() {
	for _, base := range runBases() {
		sweepBase(base)
	}
}

func sweepBase(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(base, e.Name())
		// Only what is certain to be ours: others may use similar names.
		switch name := e.Name(); {
		case !e.IsDir() || !mine(path):
		case numbered(name, runPrefix):
			sweepDir(path)
		case numbered(name, newPrefix) && olderThan(path, time.Minute):
			sweepDir(path)
			// Its maker died before there was a lock: it is empty then.
			_ = os.Remove(path)
		}
	}
}

func numbered(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && rest != "" && strings.Trim(rest, "0123456789") == ""
}

func mine(path string) bool {
	st, err := os.Lstat(path)
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}

func olderThan(path string, age time.Duration) bool {
	st, err := os.Lstat(path)
	return err == nil && time.Since(st.ModTime()) > age
}

// sweepDir removes a run directory if its lock is there and free.
func sweepDir(dir string) {
	path := filepath.Join(dir, lockName)
	if st, err := os.Lstat(path); err != nil || !st.Mode().IsRegular() {
		return
	}
	lock, err := lockFile(path)
	if err != nil {
		return
	}
	defer lock.Close()
	var cfg guardConfig
	if wire.ReadJSON(filepath.Join(dir, configName), &cfg) == nil {
		killStubs(cfg.Program, dir)
	}
	_ = os.RemoveAll(dir)
}

// killStubs ends what is left of a kernel whose processes nobody waits for:
// they run its program and are led by the process that the guard noted.
func killStubs(program, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, pidName))
	if err != nil {
		return
	}
	group, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || group <= 1 {
		return
	}
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			continue
		}
		exe, err := os.Readlink(filepath.Join(p, "exe"))
		if err != nil || strings.TrimSuffix(exe, " (deleted)") != program {
			continue
		}
		if pgid, err := unix.Getpgid(pid); err == nil && pgid == group {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}
