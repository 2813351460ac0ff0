// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWorkingDirectoryIsShared changes it in every way there is.
func TestWorkingDirectoryIsShared(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "sh", "-ec", `
		test "$PWD" = "$(pwd)"
		cat given; echo new >made; mkdir dir; echo deep >dir/f; ln -s made link; mv given moved; chmod 751 made
		echo more >>moved; rm gone; dd if=/dev/zero of=big bs=1M count=20 2>/dev/null`)
	for _, name := range []string{"given", "gone"} {
		if err := os.WriteFile(filepath.Join(g.Dir, name), []byte("from the host\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := g.status(t); got != 0 || g.out.String() != "from the host\n" {
		t.Fatalf("status %d, %q, %s", got, g.out.String(), g.errs.String())
	}
	for name, want := range map[string]string{"made": "new\n", "dir/f": "deep\n", "link": "new\n", "moved": "from the host\nmore\n"} {
		if data, err := os.ReadFile(filepath.Join(g.Dir, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if st, err := os.Stat(filepath.Join(g.Dir, "made")); err != nil || st.Mode().Perm() != 0o751 {
		t.Errorf("mode: %v, %v", st, err)
	}
	if st, err := os.Stat(filepath.Join(g.Dir, "big")); err != nil || st.Size() != 20<<20 {
		t.Errorf("big: %v, %v", st, err)
	}
	for _, name := range []string{"given", "gone"} {
		if _, err := os.Lstat(filepath.Join(g.Dir, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestNothingElseIsWritable tries other places, as root of the guest.
func TestNothingElseIsWritable(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	if err := os.WriteFile(filepath.Join(base, "victim"), []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(base, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	// Below /tmp a directory is hidden by the guest's own; elsewhere it is
	// covered. Both kinds.
	var outside string
	if os.Geteuid() == 0 {
		var err error
		if outside, err = os.MkdirTemp("/var", "dplab-test"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(outside) })
		if err := os.WriteFile(filepath.Join(outside, "victim"), []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	g := command(t, []string{"-e", "OUT=" + outside, "-e", "BASE=" + base}, "sh", "-c", `
		echo x >$BASE/victim; echo x >$BASE/new; echo x >/etc/dplab-test-file
		if [ -n "$OUT" ]; then
			cat $OUT/victim; echo changed >$OUT/victim && cat $OUT/victim; rm -f $OUT/victim; echo x >$OUT/new
		fi`)
	g.Dir = work
	if got := g.status(t); got != 0 {
		t.Errorf("status %d, %s", got, g.errs.String())
	}
	if outside != "" && g.out.String() != "oldchanged\n" {
		t.Errorf("the guest's own view: %q", g.out.String())
	}
	for _, dir := range []string{base, outside} {
		if dir == "" {
			continue
		}
		if data, err := os.ReadFile(filepath.Join(dir, "victim")); err != nil || string(data) != "old" {
			t.Errorf("%s: %q, %v", dir, data, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "new")); err == nil {
			t.Errorf("%s: a file was made", dir)
		}
	}
	if _, err := os.Lstat("/etc/dplab-test-file"); err == nil {
		t.Error("a file was made in /etc")
	}
}

// TestGuestIsASystem checks what programs expect of one.
func TestGuestIsASystem(t *testing.T) {
	t.Parallel()
	status, out, errs := sh(t, nil, `set -e
		test "$(id -u)" = 0
		test "$(uname -r)" = "$(ls /lib/modules | head -n1)" || ls /lib/modules | grep -qx "$(uname -r)"
		test -e /sys/class/net/lo && test "$(cat /sys/class/net/lo/carrier)" = 1
		for d in /proc /sys /dev/pts /dev/shm /run /tmp; do grep -q " $d " /proc/mounts; done
		test -d /run/netns && test -c /dev/null && test -c /dev/net/tun && test -e /dev/fd/0
		: >/tmp/x; : >/dev/shm/x; : >/run/x; : >/var/x
		test "$(ls /tmp/x)" = /tmp/x
		test "$(command -v dplab)" = "`+dplab+`"
		test "$DPLAB_KERNEL" = `+underTest+` && test "$DPLAB_VM" = `+string(underVM)+` && test -z "$SECRET"
		test "$(ulimit -n)" -ge 65536
		echo fine`)
	if status != 0 || out != "fine\n" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

func TestModprobe(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("/usr/sbin/modprobe"); err != nil {
		t.Skip("no modprobe on this machine")
	}
	status, out, errs := sh(t, nil, `modprobe openvswitch && modprobe act_sample && grep -c -E '^(psample|act_sample|openvswitch) ' /proc/modules`)
	if status != 0 || out != "3\n" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

// TestEnvironment looks for what must not come along.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	g := command(t, []string{"-e", "GIVEN=1", "-e", "TAKEN", "-e", "UNSET_HERE"}, "env")
	g.Env = append(os.Environ(), "SECRET=x", "TAKEN=2", "LC_TIME=C")
	if got := g.status(t); got != 0 {
		t.Fatalf("status %d, %s", got, g.errs.String())
	}
	env := "\n" + g.out.String()
	for want, there := range map[string]bool{"GIVEN=1": true, "TAKEN=2": true, "LC_TIME=C": true, "USER=root": true, "SECRET=": false, "UNSET_HERE": false, "DPLAB_RUN": false} {
		if strings.Contains(env, "\n"+want) != there {
			t.Errorf("%s is there: %v", want, !there)
		}
	}
}

// TestProgramAnywhere runs dplab from places that make it hard for the guest:
// a path that fits on no kernel command line, and one below the guest's own
// file systems.
func TestProgramAnywhere(t *testing.T) {
	t.Parallel()
	places := []string{filepath.Join(t.TempDir(), "a b'c=d")}
	if shm, err := os.MkdirTemp("/dev/shm", "labtest"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(shm) })
		places = append(places, shm)
	}
	data, err := os.ReadFile(dplab)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range places {
		program := filepath.Join(place, "dplab")
		if err := os.MkdirAll(place, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, data, 0o755); err != nil {
			t.Fatal(err)
		}
		g := command(t, nil, "sh", "-c", "command -v dplab; dplab list >/dev/null && echo runs")
		g.Path = program
		if got := g.status(t); got != 0 || g.out.String() != program+"\nruns\n" {
			t.Errorf("%s: status %d, %q, %s", program, got, g.out.String(), g.errs.String())
		}
	}
}

// TestTwoAtOnce wants guests at the same time on processors of their own.
func TestTwoAtOnce(t *testing.T) {
	onlyUML(t)
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	if set.Count() < 2 {
		t.Skip("one processor")
	}
	// Other guests of this user would take processors too: use the images from
	// a cache with locks of its own.
	cache := t.TempDir()
	host, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(cache, "dpscope", "lab"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(host, "dpscope/lab/images"), filepath.Join(cache, "dpscope/lab/images")); err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	for range 2 {
		g := command(t, nil, "sh", "-c", sleeper)
		g.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
		g.start(t)
		_, dir := g.runDir(t)
		defer func() {
			_ = g.Process.Signal(syscall.SIGTERM)
			_ = g.Wait()
			noResidue(t, dir)
		}()
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(kernelPid(t, dir), &set); err != nil {
			t.Fatal(err)
		}
		if set.Count() != 1 {
			t.Errorf("a guest may use %d processors", set.Count())
		}
		allowed[cpus(&set)] = true
	}
	if len(allowed) != 2 {
		t.Error("both guests are on one processor")
	}
}

func cpus(set *unix.CPUSet) string {
	var out []string
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			out = append(out, strconv.Itoa(i))
		}
	}
	return strings.Join(out, ",")
}

// TestUnprivileged builds and runs as somebody who owns nothing but a home
// directory.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("the other tests are unprivileged already")
	}
	home, err := os.MkdirTemp("", "dplab-test-home")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	// Run would build it too, but compiling modules may take longer than a
	// guest is given here.
	build := exec.Command(dplab, "build", "--vm", string(underVM), underTest)
	build.Dir, build.Env, build.SysProcAttr = home, env, nobody
	progress, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, progress)
	}
	g := command(t, nil, "sh", "-c", "id -u; echo x >file; ip link add d7 type dummy && ip -o link show d7 | wc -l")
	g.Dir, g.Env, g.SysProcAttr = home, env, nobody
	if got := g.status(t); got != 0 || g.out.String() != "0\n1\n" {
		t.Errorf("status %d, %q, %s", got, g.out.String(), g.errs.String())
	}
	if !strings.Contains(string(progress), "lab: downloading user-mode-linux") {
		t.Errorf("no progress was shown:\n%s", progress)
	}
	st, err := os.Stat(filepath.Join(home, "file"))
	if err != nil {
		t.Fatal(err)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || sys.Uid != 65534 {
		t.Errorf("the file's owner: %+v", st.Sys())
	}
}
