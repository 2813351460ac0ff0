// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// underTest is the kernel most tests boot: the lab promises the same of all.
// DPSCOPE_LAB_KERNEL picks another one than that which is built fastest.
var underTest = cmp.Or(os.Getenv("DPSCOPE_LAB_KERNEL"), "6.1")

// underVM runs it; DPSCOPE_LAB_VM picks another one than user-mode Linux.
var underVM = kernels.VM(cmp.Or(os.Getenv("DPSCOPE_LAB_VM"), string(kernels.UML)))

// guestArgs are dplab's for a guest.
func guestArgs(kernel string, flags []string, argv ...string) []string {
	args := append([]string{"run", "--vm", string(underVM), "--kernel", kernel}, flags...)
	return append(append(args, "--"), argv...)
}

// onlyUML skips a test of what is about user-mode Linux alone.
func onlyUML(t *testing.T) {
	t.Helper()
	if underVM != kernels.UML {
		t.Skip("about user-mode Linux alone")
	}
}

var dplab string

func TestMain(m *testing.M) {
	if os.Getenv("DPSCOPE_LAB") != "1" {
		fmt.Println("labtest: not run without DPSCOPE_LAB=1")
		os.Exit(0)
	}
	os.Exit(mainStatus(m))
}

func mainStatus(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dplab-test-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Another user runs it, too.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dplab = filepath.Join(dir, "dplab")
	build := exec.Command("go", "build", "-o", dir, "github.com/dpscope/dpscope/cmd/dplab", "github.com/dpscope/dpscope/cmd/ovs-dpctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	prepare := exec.Command(dplab, guestArgs(underTest, nil, "true")...)
	for _, cmd := range []*exec.Cmd{build, prepare} {
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "labtest: %v: %v\n", cmd.Args, err)
			return 1
		}
	}
	return m.Run()
}

// guest is one run of dplab.
type guest struct {
	*exec.Cmd
	out, errs bytes.Buffer
}

// command prepares dplab run with a directory of its own and a time limit that
// only a hang reaches.
func command(t *testing.T, flags []string, argv ...string) *guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	g := &guest{Cmd: exec.CommandContext(ctx, dplab, guestArgs(underTest, flags, argv...)...)}
	g.Dir = t.TempDir()
	g.Stdout, g.Stderr = &g.out, &g.errs
	return g
}

// status runs a prepared guest to its end.
func (g *guest) status(t *testing.T) int {
	t.Helper()
	return exitStatus(t, g.Run())
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return -int(ws.Signal())
		}
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// sh runs a shell script in a guest and gives its status and outputs.
func sh(t *testing.T, stdin io.Reader, script string) (status int, stdout, stderr string) {
	t.Helper()
	g := command(t, nil, "sh", "-c", script)
	g.Stdin = stdin
	status = g.status(t)
	return status, g.out.String(), g.errs.String()
}

// start begins a guest whose command says "up" and then goes on; it returns
// when that has been said.
func (g *guest) start(t *testing.T) {
	t.Helper()
	r, err := g.startPipe()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 3)
	if _, err := io.ReadFull(r, buf); err != nil || string(buf) != "up\n" {
		_ = g.Process.Kill()
		t.Fatalf("the guest did not come up: %q, %v\n%s", buf, err, g.errs.String())
	}
	go func() { _, _ = io.Copy(&g.out, r) }()
}

func (g *guest) startPipe() (io.Reader, error) {
	g.Stdout = nil
	r, err := g.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return r, g.Start()
}

// runDir finds a running guest's guard and run directory.
func (g *guest) runDir(t *testing.T) (guard int, dir string) {
	t.Helper()
	for _, p := range processes() {
		if p.parent == g.Process.Pid && len(p.args) == 2 && p.args[0] == "dplab-guard" {
			return p.pid, p.args[1]
		}
	}
	t.Fatal("no guard found")
	return 0, ""
}

type process struct {
	pid, parent int
	args        []string
}

// processes lists what runs on the machine.
func processes() []process {
	var all []process
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(d, "stat"))
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join(d, "cmdline"))
		if err != nil || len(line) == 0 {
			continue
		}
		p := process{pid: pid, args: strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		p.parent, _ = strconv.Atoi(fields[1])
		all = append(all, p)
	}
	return all
}

// noResidue waits a little for a run's processes and files to go.
func noResidue(t *testing.T, dir string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		left = nil
		for _, p := range processes() {
			if strings.Contains(strings.Join(p.args, " "), dir) {
				left = append(left, fmt.Sprintf("process %d %q", p.pid, p.args))
			}
		}
		if _, err := os.Lstat(dir); err == nil {
			left = append(left, dir)
		}
		if left == nil {
			return
		}
	}
	t.Errorf("left behind: %v", left)
}
