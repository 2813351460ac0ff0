// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		argv   []string
		want   int
		stderr string
	}{
		{"success", []string{"true"}, 0, ""},
		{"failure", []string{"sh", "-c", "exit 7"}, 7, ""},
		{"highest", []string{"sh", "-c", "exit 255"}, 255, ""},
		{"killed", []string{"sh", "-c", "kill -9 $$"}, 137, ""},
		{"terminated", []string{"sh", "-c", "kill -TERM $$"}, 143, ""},
		{"not found", []string{"no-such-command"}, 127, "dplab: run no-such-command: command not found\n"},
		{"no such path", []string{"/no/such/command"}, 127, "dplab: run /no/such/command: command not found\n"},
		{"not executable", []string{"/etc/passwd"}, 126, "dplab: run /etc/passwd: permission denied\n"},
		{"directory", []string{"/etc"}, 126, "dplab: run /etc: is a directory\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := command(t, nil, c.argv...)
			if got := g.status(t); got != c.want {
				t.Errorf("status %d, want %d\n%s", got, c.want, g.errs.String())
			}
			if g.errs.String() != c.stderr {
				t.Errorf("stderr %q, want %q", g.errs.String(), c.stderr)
			}
		})
	}
}

func TestBadInterpreter(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "./script")
	if err := os.WriteFile(filepath.Join(g.Dir, "script"), []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := g.status(t); got != 126 || !strings.Contains(g.errs.String(), "interpreter") {
		t.Errorf("status %d, %s", got, g.errs.String())
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	g := command(t, []string{"--timeout", "3s"}, "sleep", "100")
	start := time.Now()
	if got := g.status(t); got != 124 || !strings.Contains(g.errs.String(), "still running after 3s") {
		t.Errorf("status %d, %s", got, g.errs.String())
	}
	if d := time.Since(start); d < 3*time.Second || d > 30*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestTimeoutDeaf has a command that takes no notice of being asked. What the
// kernel has said may tell why. The limit includes the boot, which an emulated
// machine on a busy host may take many seconds for.
func TestTimeoutDeaf(t *testing.T) {
	t.Parallel()
	limit := "5s"
	if underVM == kernels.QEMU {
		limit = "30s"
	}
	g := command(t, []string{"--timeout", limit}, "sh", "-c", "trap '' TERM; echo '<2>BUG: a test' >/dev/kmsg; while :; do sleep 1; done")
	if got := g.status(t); got != 124 || !strings.Contains(g.errs.String(), "dplab: the guest's kernel said: ") || !strings.Contains(g.errs.String(), "BUG: a test") {
		t.Errorf("status %d, %s", got, g.errs.String())
	}
}

func TestKernelPanic(t *testing.T) {
	t.Parallel()
	status, out, errs := sh(t, nil, "echo before; echo c >/proc/sysrq-trigger; echo after")
	if status != 125 || strings.Contains(out, "after") {
		t.Errorf("status %d, stdout %q", status, out)
	}
	for _, want := range []string{"console: ", "Kernel panic - not syncing: sysrq triggered crash", "dplab: run sh: the guest's kernel died"} {
		if !strings.Contains(errs, want) {
			t.Errorf("stderr misses %q:\n%s", want, errs)
		}
	}
}

// TestPowerOff ends the machine under the command's feet.
func TestPowerOff(t *testing.T) {
	t.Parallel()
	status, _, errs := sh(t, nil, "echo o >/proc/sysrq-trigger; sleep 100")
	if status != 125 || !strings.Contains(errs, "while the command ran") {
		t.Errorf("status %d, %s", status, errs)
	}
}

// TestInitIsSafe kills what the guest's root may kill.
func TestInitIsSafe(t *testing.T) {
	t.Parallel()
	status, out, errs := sh(t, nil, "for s in $(seq 1 31); do kill -$s 1; done; sleep 1; echo still here")
	if status != 0 || out != "still here\n" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

func TestOrphansEndWithTheCommand(t *testing.T) {
	t.Parallel()
	start := time.Now()
	status, out, errs := sh(t, nil, "sleep 100 & (sleep 101 &) ; setsid sleep 102 & echo done")
	if status != 0 || out != "done\n" || errs != "" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	if d := time.Since(start); d > 60*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	// A machine's kernel keeps more of it to itself.
	size, least := "160M", "110"
	if underVM == kernels.QEMU {
		size, least = "300M", "200"
	}
	g := command(t, []string{"--mem", size}, "sh", "-c", "awk '/MemTotal/ {print int($2/1024)}' /proc/meminfo")
	if got := g.status(t); got != 0 {
		t.Fatalf("status %d, %s", got, g.errs.String())
	}
	if mb := strings.TrimSpace(g.out.String()); len(mb) != 3 || mb < least || mb > size {
		t.Errorf("the guest has %s MB", mb)
	}
}
