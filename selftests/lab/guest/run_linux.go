// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

const (
	// bootLimit is when a guest that has not reported is given up: one is as
	// fast as the host, the other translates every instruction, the third is
	// fast or broken.
	bootLimitUML = 60 * time.Second
	bootLimitTCG = 180 * time.Second
	bootLimitKVM = 10 * time.Second
	// consoleLines is how much of the console an Error carries.
	consoleLines = 15
)

// machine is one guest seen from the host.
type machine struct {
	opt     *Options
	dir     string
	console consoleTail

	guard   *exec.Cmd
	leash   *os.File // write end
	bell    *os.File // write end
	input   *feeder
	control *mailbox

	copies  sync.WaitGroup   // output streams and console
	reports chan wire.Report // from the guest
	heard   chan struct{}    // closed when the guest can report no more
	replies chan guardReport // from the guard; closed when it is gone
	broken  chan error       // the input cannot be handed over any more

	feeding sync.Once

	mu       sync.Mutex
	passed   [3]int64  // bytes of output that have been passed on
	over     [3]bool   // no more will come
	moved    sync.Cond // on mu: passed or over has changed
	lost     error     // the first failure to pass output on
	warnings []string
}

// Run boots the kernel, runs the command and waits for its end. The error is an
// *Error when the lab failed, and the context's when that ended first.
func Run(ctx context.Context, opt Options) (Result, error) {
	if err := opt.check(); err != nil {
		return Result{Code: CodeLab, CPU: -1}, &Error{Err: err}
	}
	Sweep()
	res, up, err := run(ctx, &opt)
	if err == nil || up || ctx.Err() != nil || opt.Machine == nil || !opt.Machine.KVM || opt.Machine.Broken == nil {
		return res, err
	}
	// Nothing of the input has been read yet.
	opt.Machine.Broken(err)
	again := *opt.Machine
	again.KVM = false
	opt.Machine = &again
	res, _, err = run(ctx, &opt)
	return res, err
}

// run is one boot. It also tells whether the guest came up.
func run(ctx context.Context, opt *Options) (res Result, up bool, err error) {
	m := &machine{
		opt: opt, reports: make(chan wire.Report, 64), heard: make(chan struct{}),
		replies: make(chan guardReport, 8), broken: make(chan error, 1),
	}
	m.moved.L = &m.mu
	m.console.copy = opt.Console
	cpu, err := m.start()
	if err != nil {
		return Result{Code: CodeLab, CPU: -1}, false, &Error{Err: err}
	}
	res, up, err = m.wait(ctx)
	res.CPU = cpu
	return res, up, err
}

// start makes the run directory and lets the guard boot the kernel.
func (m *machine) start() (cpu int, err error) {
	room := m.opt.Memory
	if m.opt.Machine != nil {
		// Only the initrd and the input lie there.
		room = 64 << 20
	}
	dir, lock, err := makeRunDir(room)
	if err != nil {
		return -1, err
	}
	defer lock.Close()
	m.dir = dir
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	// A machine has threads of its own for every processor. Without locks, in
	// a cache that is somebody else's, a guest runs on any processor: slower,
	// but it runs.
	cpu = -1
	var slot *os.File
	if m.opt.Machine == nil {
		cpu, slot, _ = takeSlot(m.opt.SlotDir)
	}
	if slot != nil {
		defer slot.Close()
	}
	if err := m.writeConfig(cpu); err != nil {
		return -1, err
	}
	return cpu, m.startGuard(lock, slot)
}

func (m *machine) writeConfig(cpu int) error {
	job := wire.Job{
		Kernel: m.opt.Release, Modules: m.opt.Modules, Root: m.opt.Root,
		Argv: m.opt.Argv, Env: m.opt.Env,
		Dir: wire.Text(m.opt.Dir), ShareDir: shareable(m.opt.Dir),
		TTY: m.opt.TTY, Rows: m.opt.Size.Rows, Cols: m.opt.Size.Cols,
	}
	if job.ShareDir && m.opt.Root != "" && partOfSystem(m.opt.Root, m.opt.Dir) {
		job.ShareDir = false
		m.warnings = append(m.warnings, fmt.Sprintf("the working directory is the guest's own %s: the host's would hide it", m.opt.Dir))
	}
	if job.Root == "/" {
		job.Root = ""
	}
	for _, path := range m.opt.Expose {
		st, err := os.Stat(path)
		hidden := job.Root != "" || wire.IsMasked(path)
		switch {
		case err != nil || !hidden || !shareable(path) || path == m.opt.Dir:
		case st.IsDir():
			job.Expose = append(job.Expose, path)
		default:
			job.ExposeFiles = append(job.ExposeFiles, path)
		}
	}
	if err := wire.WriteJSON(filepath.Join(m.dir, wire.JobFile), job); err != nil {
		return err
	}
	var cfg guardConfig
	var err error
	if m.opt.Machine != nil {
		cfg, err = qemuConfig(m.opt, m.dir, job.ShareDir)
	} else {
		cfg, err = umlConfig(m.opt, m.dir, cpu)
	}
	if err != nil {
		return err
	}
	return wire.WriteJSON(filepath.Join(m.dir, configName), cfg)
}

// shareable tells whether a directory is the host's own matter: its root would
// be everything, and kernel file systems belong to the guest's kernel.
func shareable(dir string) bool {
	if dir == "/" {
		return false
	}
	for _, m := range []string{"/dev", "/proc", "/sys"} {
		if wire.Below(dir, m) && !wire.Below(dir, "/dev/shm") {
			return false
		}
	}
	return true
}

// partOfSystem tells whether a directory is one that programs of the tree need
// as it is.
func partOfSystem(root, dir string) bool {
	for _, top := range []string{"/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr", "/var"} {
		if wire.Below(dir, top) {
			entries, _ := os.ReadDir(filepath.Join(root, dir))
			return len(entries) > 0
		}
	}
	return false
}

// initPath gives a path of the helper that a kernel command line can carry and
// that stays for as long as the guest needs it.
func initPath(helper, dir string) (string, error) {
	if st, err := os.Stat(helper); err == nil && plainPath(helper) && st.Mode().Perm()&0o111 != 0 {
		return helper, nil
	}
	src, err := os.Open(helper)
	if errors.Is(err, os.ErrNotExist) {
		// Replaced while we run; the kernel still has it.
		src, err = os.Open("/proc/self/exe")
	}
	if err != nil {
		return "", fmt.Errorf("hand over init: %w", err)
	}
	defer src.Close()
	to := filepath.Join(dir, "init")
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return "", fmt.Errorf("hand over init: %w", err)
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fmt.Errorf("hand over init: %w", err)
	}
	return to, nil
}

// startGuard makes the pipes and starts the guard with the far ends.
func (m *machine) startGuard(lock, slot *os.File) error {
	var far []*os.File
	defer func() {
		for _, f := range far {
			_ = f.Close()
		}
	}()
	var failed error
	// pipe gives our end; the other one goes to the guard.
	pipe := func(weRead bool) *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			failed = fmt.Errorf("start guard: %w", err)
			return nil
		}
		_, _ = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 1<<20)
		if weRead {
			far = append(far, w)
			return r
		}
		far = append(far, r)
		return w
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("start guard: %w", err)
	}
	defer null.Close()
	hold := func(f *os.File) *os.File {
		if f == nil {
			return null
		}
		return f
	}
	leash, reply := pipe(false), pipe(true)
	console, bell := pipe(true), pipe(false)
	out, errs, report := pipe(true), pipe(true), pipe(true)
	ours := []*os.File{leash, reply, console, bell, out, errs, report}
	if failed == nil {
		m.guard = &exec.Cmd{
			Path: "/proc/self/exe", Args: []string{guardArg, m.dir}, Dir: "/",
			ExtraFiles: []*os.File{
				far[0], far[1], lock, hold(slot), hold(m.opt.Hold), hold(m.opt.HoldRoot),
				far[2], far[3], far[4], far[5], far[6],
			},
			SysProcAttr: &syscall.SysProcAttr{Setsid: true},
		}
		if !hooked {
			m.guard.Path = m.opt.Helper
		}
		if err := m.guard.Start(); err != nil {
			failed = fmt.Errorf("start guard %s: %w", m.guard.Path, err)
		}
	}
	if failed != nil {
		for _, f := range ours {
			if f != nil {
				_ = f.Close()
			}
		}
		return failed
	}
	m.leash, m.bell = leash, bell
	m.serve(reply, console, out, errs, report)
	return nil
}

// serve starts what moves bytes between us and the guest.
func (m *machine) serve(reply, console, out, errs, report *os.File) {
	// Fd makes the descriptor block, so the order matters: a full doorbell
	// rings anyway and must not hold us up.
	bell := int(m.bell.Fd())
	_ = unix.SetNonblock(bell, true)
	ring := func() { _, _ = unix.Write(bell, []byte{1}) }
	m.input = newFeeder(filepath.Join(m.dir, wire.InputDir), ring)
	m.control = &mailbox{dir: filepath.Join(m.dir, wire.ControlDir), ring: ring}

	m.copies.Add(3)
	go func() {
		defer m.copies.Done()
		defer console.Close()
		_, _ = io.Copy(&m.console, console)
	}()
	go m.copyOut(1, out, m.opt.Stdout)
	go m.copyOut(2, errs, m.opt.Stderr)
	go func() {
		defer report.Close()
		defer close(m.heard)
		sc := bufio.NewScanner(report)
		for sc.Scan() {
			r, err := wire.ParseReport(sc.Text())
			switch {
			case err != nil:
				_, _ = m.console.Write([]byte(err.Error() + "\n"))
			case r.Kind == wire.ReportAck:
				m.input.ack(r.N)
			case r.Kind == wire.ReportShut:
				m.input.stop()
			default:
				m.reports <- r
			}
		}
	}()
	go func() {
		defer reply.Close()
		defer close(m.replies)
		dec := json.NewDecoder(reply)
		for {
			var r guardReport
			if dec.Decode(&r) != nil {
				return
			}
			m.replies <- r
		}
	}()
}

// feed hands the input over and tells when that fails.
func (m *machine) feed() {
	readErr, putErr := m.input.run(m.opt.Stdin)
	if putErr != nil {
		m.broken <- putErr
	}
	// A descriptor not open for reading is how nohup and others give none.
	if readErr != nil && !errors.Is(readErr, unix.EBADF) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.warnings = append(m.warnings, fmt.Sprintf("read standard input: %v (the command saw its end)", cause(readErr)))
	}
}
