// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// TestPatchedKernel boots our modules.
func TestPatchedKernel(t *testing.T) {
	t.Parallel()
	g := command(t, nil)
	g.Args = append([]string{dplab}, guestArgs("6.1-dpscope", nil, "sh", "-c",
		"modprobe act_sample && modprobe openvswitch && cat /sys/module/psample/taint /sys/module/openvswitch/taint && ls /lib/modules/$(uname -r)/updates")...)
	if got := g.status(t); got != 0 {
		t.Fatalf("status %d, %s", got, g.errs.String())
	}
	out := strings.Fields(g.out.String())
	// O: built out of tree, so ours and not the stock one. E: not signed, where
	// the kernel knows signatures.
	want := map[kernels.VM]string{kernels.UML: "O", kernels.QEMU: "OE"}[underVM]
	if len(out) < 5 || out[0] != want || out[1] != want {
		t.Errorf("taint and modules: %v", out)
	}
	for _, ko := range []string{"psample.ko", "act_sample.ko", "openvswitch.ko"} {
		if !strings.Contains(g.out.String(), ko) {
			t.Errorf("no %s in updates: %v", ko, out)
		}
	}
}

// TestStockKernelIsStock makes sure that no patched module gets into it.
func TestStockKernelIsStock(t *testing.T) {
	t.Parallel()
	g := command(t, nil)
	g.Args = append([]string{dplab}, guestArgs("6.1", nil, "sh", "-c",
		"modprobe psample && cat /sys/module/psample/taint; ls -d /lib/modules/$(uname -r)/updates 2>/dev/null")...)
	if status := g.status(t); strings.TrimSpace(g.out.String()) != "" || status == 125 {
		t.Errorf("status %d, %q, %q", status, g.out.String(), g.errs.String())
	}
}

func TestListOfBuilt(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(dplab, "list", "-j").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []struct {
			Name    string `json:"name"`
			VM      string `json:"vm"`
			Built   bool   `json:"built"`
			Version string `json:"version"`
			Size    int64  `json:"size_bytes"`
			Source  string `json:"source"`
		} `json:"items"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	for _, k := range list.Items {
		series, _, _ := strings.Cut(underTest, "-")
		pkg := map[kernels.VM]string{kernels.UML: "user-mode-linux", kernels.QEMU: "linux-image-amd64"}[underVM]
		if k.Name == underTest && k.VM == string(underVM) &&
			(!k.Built || !strings.HasPrefix(k.Version, series+".") || k.Size < 1<<20 || !strings.HasPrefix(k.Source, pkg+" "+series)) {
			t.Errorf("%+v", k)
		}
	}
}

// TestWarmStart wants no build step, no download and little time before the
// guest: the whole run, boot included, stays far below what a build takes.
func TestWarmStart(t *testing.T) {
	t.Parallel()
	start := time.Now()
	status, _, errs := sh(t, nil, "true")
	if status != 0 || errs != "" {
		t.Errorf("status %d, %q", status, errs)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestBuildFromNothing has two builds at once, then a damaged image, then a
// missing program, in a cache of their own.
func TestBuildFromNothing(t *testing.T) {
	onlyUML(t)
	t.Parallel()
	cache := t.TempDir()
	env := append(os.Environ(), "XDG_CACHE_HOME="+cache)
	var outputs [2]bytes.Buffer
	var wg sync.WaitGroup
	for i := range outputs {
		wg.Go(func() {
			cmd := exec.Command(dplab, "build", "6.1")
			cmd.Env, cmd.Stderr = env, &outputs[i]
			if err := cmd.Run(); err != nil {
				t.Errorf("build: %v\n%s", err, outputs[i].String())
			}
		})
	}
	wg.Wait()
	all := outputs[0].String() + outputs[1].String()
	for text, want := range map[string]int{"lab: downloading user-mode-linux": 1, "is ready after": 1, "is up to date": 1} {
		if n := strings.Count(all, text); n != want {
			t.Errorf("%q is said %d times, not %d:\n%s", text, n, want, all)
		}
	}

	images, err := filepath.Glob(filepath.Join(cache, "dpscope/lab/images/6.1-*"))
	if err != nil || len(images) != 1 {
		t.Fatalf("images: %v, %v", images, err)
	}
	if err := os.Remove(filepath.Join(images[0], "complete")); err != nil {
		t.Fatal(err)
	}
	g := command(t, nil)
	g.Args = []string{dplab, "run", "--kernel", "6.1", "--", "uname", "-r"}
	g.Env = env
	if got := g.status(t); got != 0 || !strings.HasPrefix(g.out.String(), "6.1.") || !strings.Contains(g.errs.String(), "is ready after") {
		t.Errorf("after damage: status %d, %q, %s", got, g.out.String(), g.errs.String())
	}
	if strings.Contains(g.errs.String(), "downloading") {
		t.Errorf("the package was fetched again:\n%s", g.errs.String())
	}

	// A compiler's absence is told at once, with what to install.
	for _, c := range []struct {
		args []string
		want int
	}{{[]string{"build", "6.1-dpscope"}, 3}, {[]string{"run", "--kernel", "6.1-dpscope", "--", "true"}, 125}} {
		cmd := exec.Command(dplab, c.args...)
		cmd.Env = append(env, "PATH="+onlyTools(t, "apt-get", "apt-cache", "dpkg-deb"))
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if got := exitStatus(t, cmd.Run()); got != c.want || !strings.Contains(errs.String(), "gcc") ||
			!strings.Contains(errs.String(), "apt-get install --no-install-recommends") || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: status %d, want %d\n%s", c.args, got, c.want, errs.String())
		}
	}

	cmd := exec.Command(dplab, "clean")
	cmd.Env = env
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	var size int64
	_ = filepath.Walk(cache, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	if size != 0 {
		t.Errorf("clean left %d bytes", size)
	}
}

// onlyTools makes a directory for PATH that has the named programs only.
func onlyTools(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range programs {
		path, err := exec.LookPath(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, p)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
