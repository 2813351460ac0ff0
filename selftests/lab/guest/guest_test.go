// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

func TestCommandLine(t *testing.T) {
	got := commandLine(300<<20, "/dev/shm/dplab-1", "/opt/bin/dplab", false)
	want := []string{
		"mem=300M", "rootfstype=hostfs", "rootflags=/", "ro", "devtmpfs.mount=0", "init=/opt/bin/dplab", "DPLAB_RUN=/dev/shm/dplab-1", "DPLAB_VM=uml",
		"uml_dir=/dev/shm/dplab-1/", "umid=uml", "con=null", "con0=null,fd:1", "loglevel=4",
		"ssl0=fd:3,null", "ssl1=null,fd:4", "ssl2=null,fd:5", "ssl3=null,fd:6",
		"initcall_blacklist=raid6_select_algo", "random.trust_cpu=on",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if verbose := commandLine(1<<30, "/r", "/i", true); !slices.Contains(verbose, "loglevel=7") {
		t.Errorf("verbose: %v", verbose)
	}
	// The kernel's buffer for all of it is 2048 bytes on every architecture
	// user-mode Linux has.
	long := commandLine(1<<40, "/"+strings.Repeat("r", 60), "/"+strings.Repeat("i", 1000), true)
	if n := len(strings.Join(long, " ")); n > 1800 {
		t.Errorf("%d bytes", n)
	}
}

func TestPlainPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/bin/dplab": true, "/dev/shm/dplab-12": true, "/a+b/c~1/_x.y@z": true,
		"": false, "rel": false, "/a b": false, "/a\"b": false, "/a'b": false, "/ä": false, "/a\nb": false, "/a=b": false,
	} {
		if got := plainPath(path); got != want {
			t.Errorf("plainPath(%q) = %v", path, got)
		}
	}
}

func TestPickSlot(t *testing.T) {
	taken := map[[2]int]bool{}
	take := func(cpu, level int) bool {
		k := [2]int{cpu, level}
		if taken[k] {
			return false
		}
		taken[k] = true
		return true
	}
	var got []int
	for range 5 {
		got = append(got, pickSlot([]int{2, 3}, 1, take))
	}
	if diff := cmp.Diff([]int{3, 2, 3, 2, 3}, got); diff != "" {
		t.Error(diff)
	}
	delete(taken, [2]int{2, 0})
	if cpu := pickSlot([]int{2, 3}, 1, take); cpu != 2 {
		t.Errorf("the freed slot was not taken, but %d", cpu)
	}
	if cpu := pickSlot([]int{0, 1}, 0, func(int, int) bool { return false }); cpu != -1 {
		t.Errorf("all refused: %d", cpu)
	}
	if cpu := pickSlot(nil, 7, take); cpu != -1 {
		t.Errorf("no processor: %d", cpu)
	}
}

func TestTakeSlotSpreads(t *testing.T) {
	dir := t.TempDir()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	used := map[int]int{}
	var files []*os.File
	for range 2 * set.Count() {
		cpu, f, err := takeSlot(dir)
		if err != nil || f == nil || !set.IsSet(cpu) {
			t.Fatalf("takeSlot = %d, %v, %v", cpu, f, err)
		}
		used[cpu]++
		files = append(files, f)
	}
	for cpu, n := range used {
		if n != 2 {
			t.Errorf("processor %d was given %d times, not twice", cpu, n)
		}
	}
	for _, f := range files {
		_ = f.Close()
	}
}

func TestShareable(t *testing.T) {
	for dir, want := range map[string]bool{
		"/": false, "/dev": false, "/proc/1": false, "/sys/kernel": false,
		"/dev/shm/x": true, "/tmp": true, "/home/u": true, "/run/user/1": true, "/device": true,
	} {
		if got := shareable(dir); got != want {
			t.Errorf("shareable(%q) = %v", dir, got)
		}
	}
}

func TestPartOfSystem(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "var/tmp", "root", "work"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"usr/bin/sh", "root/.bashrc"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]bool{
		"/usr": true, "/usr/bin": true, "/var": true, "/usr/src": false, "/var/tmp": false, "/var/tmp/x": false,
		"/root": false, "/work": false, "/home/u": false, "/usrx": false,
	} {
		if got := partOfSystem(root, dir); got != want {
			t.Errorf("partOfSystem(%s) = %v", dir, got)
		}
	}
}

func TestConsoleTail(t *testing.T) {
	var c consoleTail
	_, _ = io.WriteString(&c, strings.Repeat("noise\r\n", 20000)+"one\x1b[0m\n\n[    1.000000]  [<600>] ? f+0x0/0x1\n two \n")
	if diff := cmp.Diff([]string{"noise", "one[0m", "two"}, c.lines(3)); diff != "" {
		t.Error(diff)
	}
	if len(c.buf) > consoleMax {
		t.Errorf("%d bytes kept", len(c.buf))
	}
	_, _ = io.WriteString(&c, "three\nfour\nKernel panic - not syncing: x\nCPU: 0\nStack:\n 606944ba 607e7fcd 6c453c60 6067bb96\n")
	for i := range 20 {
		_, _ = io.WriteString(&c, "after "+strconv.Itoa(i)+"\n")
	}
	want := []string{"three", "four", "Kernel panic - not syncing: x", "CPU: 0", "after 0", "after 1"}
	if diff := cmp.Diff(want, c.lines(6)); diff != "" {
		t.Error(diff)
	}
}

func TestConsoleAlarms(t *testing.T) {
	var c consoleTail
	if got := c.alarms(3); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
	_, _ = io.WriteString(&c, "[ 1.0] fine\n[ 2.0] watchdog: BUG: soft lockup - CPU#1 stuck for 26s!\n[ 2.1]  x+0x1/0x2\n"+
		"[ 3.0] rcu: INFO: rcu_preempt detected stalls\n[ 4.0] INFO: task sh:1 blocked for more than 120 seconds.\n")
	want := []string{"[ 3.0] rcu: INFO: rcu_preempt detected stalls", "[ 4.0] INFO: task sh:1 blocked for more than 120 seconds."}
	if diff := cmp.Diff(want, c.alarms(2)); diff != "" {
		t.Error(diff)
	}
}

// TestFeeder plays the guest's part: it takes the files in order and checks
// that no more wait than may.
func TestFeeder(t *testing.T) {
	dir := t.TempDir()
	data := bytes.Repeat([]byte("0123456789abcdef"), wire.ChunkSize/16*(2*wire.MaxChunks)+100)
	f := newFeeder(dir, func() {})
	go func() { _, _ = f.run(bytes.NewReader(data)) }()
	var got []byte
	deadline := time.Now().Add(20 * time.Second)
	for n := 0; ; {
		if time.Now().After(deadline) {
			t.Fatalf("stuck after %d files", n)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) > wire.MaxChunks+1 {
			t.Fatalf("%d files wait, %v", len(files), err)
		}
		chunk, err := os.ReadFile(filepath.Join(dir, wire.InputName(n, false)))
		if err == nil {
			got = append(got, chunk...)
			f.ack(n)
			n++
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, wire.InputName(n, true))); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes came, %d were sent, or they differ", len(got), len(data))
	}
}

func TestFeederStops(t *testing.T) {
	dir := t.TempDir()
	f := newFeeder(dir, func() {})
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() { _, _ = f.run(r); close(done) }()
	f.stop()
	f.stop()
	go func() { _, _ = w.Write([]byte("late")) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("still running after stop")
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("written after stop: %v", files)
	}
}

// TestFeederFails wants both kinds of failure told: input that cannot be read,
// and input that cannot be handed over, of which the guest would never see the
// end.
func TestFeederFails(t *testing.T) {
	broken := errors.New("broken")
	f := newFeeder(t.TempDir(), func() {})
	readErr, putErr := f.run(io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)))
	if !errors.Is(readErr, broken) || putErr != nil {
		t.Errorf("a broken reader: %v, %v", readErr, putErr)
	}
	f = newFeeder(filepath.Join(t.TempDir(), "gone"), func() {})
	readErr, putErr = f.run(strings.NewReader("x"))
	if readErr != nil || !errors.Is(putErr, fs.ErrNotExist) {
		t.Errorf("no run directory: %v, %v", readErr, putErr)
	}
}

func TestSweep(t *testing.T) {
	base := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		name       string
		lock, held bool
		file       string
		there      bool
	}{
		{"dplab-run-1", true, false, "", false},
		{"dplab-run-2", true, true, "", true},
		{"dplab-new-3", true, false, "", false},
		{"dplab-new-4", false, false, "", false},
		// Nobody's but its owner's business, however old.
		{"dplab-run-5", false, false, "precious", true},
		{"dplab-new-6", false, false, "precious", true},
		{"dplab-7", true, false, "precious", true},
		{"dplab-run-x", true, false, "precious", true},
		{"dplab-test", true, false, "precious", true},
	} {
		dir := filepath.Join(base, c.name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(dir, c.file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if c.lock {
			lock, err := lockFile(filepath.Join(dir, lockName))
			if err != nil {
				t.Fatal(err)
			}
			if c.held {
				defer lock.Close()
			} else {
				_ = lock.Close()
			}
		}
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	fresh := filepath.Join(base, "dplab-new-8")
	if err := os.Mkdir(fresh, 0o700); err != nil {
		t.Fatal(err)
	}
	sweepBase(base)
	left, err := filepath.Glob(filepath.Join(base, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	want := []string{"dplab-7", "dplab-new-6", "dplab-new-8", "dplab-run-2", "dplab-run-5", "dplab-run-x", "dplab-test"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Error(diff)
	}
}

func TestCheck(t *testing.T) {
	good := Options{Linux: "l", Modules: "m", Release: "r", Helper: "h", Argv: []string{"c"}, Memory: MinMemory}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Options){
		"no kernel":  func(o *Options) { o.Linux = "" },
		"no command": func(o *Options) { o.Argv = nil },
		"no memory":  func(o *Options) { o.Memory = MinMemory - 1 },
	} {
		o := good
		change(&o)
		if o.check() == nil {
			t.Errorf("%s: taken", name)
		}
		res, err := Run(t.Context(), o)
		var lab *Error
		if res.Code != CodeLab || !errors.As(err, &lab) {
			t.Errorf("%s: Run = %+v, %v", name, res, err)
		}
	}
}
