// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/selftests/lab/guest"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
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

func TestEnvironmentOfSuite(t *testing.T) {
	host := []string{"PATH=/opt/x", "HOME=/home/u", "SHELL=/bin/zsh", "LANG=de_DE.UTF-8", "LC_ALL=C", "LANGUAGE=de", "TZ=UTC"}
	got := Environment(host, "/lab/bin", "/w", Names{"6.1", kernels.UML, "trixie"}, []string{"LC_ALL=POSIX"})
	want := []string{
		"DPLAB_KERNEL=6.1", "DPLAB_SUITE=trixie", "DPLAB_VM=uml", "HOME=/root", "LANG=C.UTF-8", "LC_ALL=POSIX", "LOGNAME=root",
		"PATH=/lab/bin:/opt/x:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"PWD=/w", "SHELL=/bin/bash", "TERM=dumb", "TZ=UTC", "USER=root",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestListSuites(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	all, err := ListSuites()
	if err != nil || len(all) != len(suites.All()) {
		t.Fatalf("ListSuites = %v, %v", all, err)
	}
	for _, s := range all {
		if s.Built || s.Reason != "not built yet" || s.Size != 0 || s.Root != "" {
			t.Errorf("in an empty cache: %+v", s)
		}
	}
}

func TestPick(t *testing.T) {
	every := ""
	for _, k := range kernels.All() {
		if k.VM == kernels.QEMU {
			every += k.Name + " "
		}
	}
	for text, want := range map[string]string{
		"": every + "+", "trixie 6.12 sid": "6.12 + trixie sid", "6.1": "6.1 +",
	} {
		all, userlands, err := pick(kernels.QEMU, strings.Fields(text))
		var names []string
		for _, k := range all {
			names = append(names, k.Name)
		}
		names = append(names, "+")
		for _, s := range userlands {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("pick(%s) = %s, %v", text, got, err)
		}
	}
	// The host's files are not built.
	for _, name := range []string{"potato", "host", ""} {
		if _, _, err := pick(kernels.UML, []string{"6.1", name}); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), ", bookworm, trixie") {
			t.Errorf("pick(%q): %v", name, err)
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
	if _, err := ReadySuite(context.Background(), "potato", nil); !errors.Is(err, suites.ErrUnknown) {
		t.Errorf("ReadySuite: %v", err)
	}
	if u, err := ReadySuite(context.Background(), "", nil); err != nil || u.Root != "" {
		t.Errorf("ReadySuite of the host: %+v, %v", u, err)
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
