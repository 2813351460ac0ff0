// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/selftests/lab/guest"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

func TestEnvironment(t *testing.T) {
	host := []string{
		"PATH=/opt/x:rel:/usr/bin::.", "TERM=xterm", "HOME=/home/u", "LANG=C.UTF-8", "LC_ALL=C", "DPSCOPE_X=1",
		"SSH_AUTH_SOCK=/tmp/agent", "AWS_SECRET=s", "LD_PRELOAD=/x.so", "USER=u", "DPLAB_RUN=/evil", "broken",
	}
	got := Environment(host, "/lab/bin", "/w", Names{"6.1", kernels.QEMU, "host"}, []string{"EXTRA=a=b", "TERM=vt100", "=x", "bare"})
	want := []string{
		"DPLAB_KERNEL=6.1", "DPLAB_SUITE=host", "DPLAB_VM=qemu", "DPSCOPE_X=1", "EXTRA=a=b", "HOME=/home/u", "LANG=C.UTF-8", "LC_ALL=C", "LOGNAME=root",
		"PATH=/lab/bin:/opt/x:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin",
		"PWD=/w", "TERM=vt100", "USER=root",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	bare := Environment(nil, "/b", "/", Names{Kernel: "k", Suite: "host"}, nil)
	for _, want := range []string{"HOME=/root", "TERM=dumb"} {
		found := false
		for _, e := range bare {
			found = found || e == want
		}
		if !found {
			t.Errorf("an empty environment: no %s in %v", want, bare)
		}
	}
}

func TestList(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	entries, err := List()
	if err != nil || len(entries) != len(kernels.All()) {
		t.Fatalf("List = %v, %v", entries, err)
	}
	for _, e := range entries {
		if e.Built || e.Reason != "not built yet" || e.Size != 0 || e.Source == "" {
			t.Errorf("in an empty cache: %+v", e)
		}
	}
}

func TestRunUnknownKernel(t *testing.T) {
	res, err := Run(context.Background(), Options{Kernel: "0.99", Argv: []string{"true"}})
	if res.Code != guest.CodeLab || !errors.Is(err, kernels.ErrUnknown) {
		t.Errorf("Run = %+v, %v", res, err)
	}
}

func TestWorkDir(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if got, err := workDir(link); err != nil || got != dir {
		t.Errorf("workDir = %q, %v", got, err)
	}
	if _, err := workDir(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing directory was taken")
	}
}
