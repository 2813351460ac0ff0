// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// onlyMachine skips a test of what user-mode Linux does not have.
func onlyMachine(t *testing.T) {
	t.Helper()
	if underVM != kernels.QEMU {
		t.Skip("about machines alone")
	}
}

// TestMachine looks for what machines are there for.
func TestMachine(t *testing.T) {
	onlyMachine(t)
	t.Parallel()
	g := command(t, []string{"--smp", "3"}, "sh", "-ec", `
		nproc
		grep -o function_graph /sys/kernel/tracing/available_tracers
		echo 'p:lab/fork kernel_clone' >/sys/kernel/tracing/kprobe_events
		echo 1 >/sys/kernel/tracing/events/lab/fork/enable
		true | true
		grep -q 'fork: (kernel_clone' /sys/kernel/tracing/trace && echo kprobe
		test -d /sys/kernel/debug/tracing
		modprobe pktgen && test -e /proc/net/pktgen/kpktgend_2 && echo pktgen
		uname -v`)
	want := "3\nfunction_graph\nkprobe\npktgen\n#1 SMP "
	if got := g.status(t); got != 0 || !strings.HasPrefix(g.out.String(), want) {
		t.Errorf("status %d, %q, want %q..., %s", got, g.out.String(), want, g.errs.String())
	}
}

// TestBadKVM has processors of the host's that hang, and later some that were
// seen to work and no longer do: neither may keep a run from its end, nor cost
// it input.
func TestBadKVM(t *testing.T) {
	onlyMachine(t)
	t.Parallel()
	dev, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("nothing to be tried on this machine: %v", err)
	}
	_ = dev.Close()
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	wrapper := "#!/bin/sh\ncase \"$*\" in *'-accel kvm'*) test -e " + bin + "/fail && exit 1; exec sleep 1000;; esac\nexec " + qemu + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, filepath.Base(qemu)), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	host, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	lab := filepath.Join(cache, "dpscope", "lab")
	if err := os.MkdirAll(lab, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(host, "dpscope/lab/images"), filepath.Join(lab, "images")); err != nil {
		t.Fatal(err)
	}
	data := noise(1 << 20)
	try := func() (stderr string) {
		t.Helper()
		g := command(t, nil, "cat")
		g.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "PATH="+bin+":"+os.Getenv("PATH"))
		g.Stdin = bytes.NewReader(data)
		if got := g.status(t); got != 0 || !bytes.Equal(g.out.Bytes(), data) {
			t.Fatalf("status %d, %d bytes of %d, %s", got, g.out.Len(), len(data), g.errs.String())
		}
		return g.errs.String()
	}
	answer := func() (path, text string) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(lab, "kvm", "*.json"))
		if err != nil || len(files) != 1 {
			t.Fatalf("answers: %v, %v", files, err)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return files[0], string(data)
	}
	if errs := try(); !strings.Contains(errs, "whether KVM works") || !strings.Contains(errs, "said nothing for") {
		t.Errorf("the first run: %s", errs)
	}
	path, text := answer()
	works := strings.Replace(text, `"works":false`, `"works":true`, 1)
	if works == text {
		t.Fatalf("after the first run: %s", text)
	}
	if err := os.WriteFile(path, []byte(works), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "fail"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if errs := try(); errs != "" {
		t.Errorf("a run that fell back says %s", errs)
	}
	if _, text := answer(); !strings.Contains(text, `"works":false`) {
		t.Errorf("after a failure: %s", text)
	}
}

// TestWithoutQEMU wants to be told which package is missing.
func TestWithoutQEMU(t *testing.T) {
	onlyMachine(t)
	t.Parallel()
	path := "PATH=" + onlyTools(t, "apt-get", "apt-cache", "dpkg-deb", "xz", "depmod", "sh")
	for _, c := range []struct {
		args []string
		want int
	}{
		{guestArgs(underTest, nil, "true"), 125}, {[]string{"build", "--vm", "qemu", underTest}, 3}, {[]string{"list"}, 0},
	} {
		cmd := exec.Command(dplab, c.args...)
		cmd.Env = append(os.Environ(), path)
		out, err := cmd.CombinedOutput()
		if got := exitStatus(t, err); got != c.want || !strings.Contains(string(out), "apt-get install --no-install-recommends qemu-system-x86") {
			t.Errorf("%v: status %d, want %d\n%s", c.args, got, c.want, out)
		}
	}
}
