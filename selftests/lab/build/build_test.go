// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/dpscope/dpscope/kmod"
	"github.com/dpscope/dpscope/selftests/lab/apt"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

func TestInputsKey(t *testing.T) {
	base := Inputs{Recipe: 1, Kernel: "k", UML: "u", Source: "s", Patches: "p", Compiler: "c"}
	seen := map[string]string{base.key(): "base"}
	for name, change := range map[string]func(*Inputs){
		"recipe":   func(i *Inputs) { i.Recipe++ },
		"kernel":   func(i *Inputs) { i.Kernel = "x" },
		"uml":      func(i *Inputs) { i.UML = "x" },
		"source":   func(i *Inputs) { i.Source = "x" },
		"patches":  func(i *Inputs) { i.Patches = "x" },
		"compiler": func(i *Inputs) { i.Compiler = "x" },
		"library":  func(i *Inputs) { i.Libraries = "x" },
		"root":     func(i *Inputs) { i.Root = "x" },
		"zones":    func(i *Inputs) { i.Zones = 7 },
		"machine":  func(i *Inputs) { i.Machine++ },
		"packages": func(i *Inputs) { i.Packages = "x" },
		"headers":  func(i *Inputs) { i.Headers = "x" },
		"without":  func(i *Inputs) { i.Without = "x" },
	} {
		in := base
		change(&in)
		if other, ok := seen[in.key()]; ok {
			t.Errorf("changing %s gives the key of %s", name, other)
		}
		seen[in.key()] = name
		// The configured source is shared by all patch sets.
		same := in.prepared().key() == base.prepared().key()
		if want := name == "patches" || name == "kernel" || name == "library" || name == "root"; same != want {
			t.Errorf("changing %s: configured source kept: %v", name, same)
		}
	}
	if again := base; again.key() != base.key() {
		t.Error("the key is not stable")
	}
}

func TestHashPatches(t *testing.T) {
	files := func() fstest.MapFS {
		return fstest.MapFS{
			"Makefile":               {Data: []byte("all:")},
			"scripts/ext.sh":         {Data: []byte("true")},
			"patches/6.1/series":     {Data: []byte("# comment\n0001.patch\n\n0002.patch # why\n")},
			"patches/6.1/0001.patch": {Data: []byte("one")},
			"patches/6.6/0001.patch": {Data: []byte("other")},
			"uapi/linux/psample.h":   {Data: []byte("enum")},
			"specs/psample.yaml":     {Data: []byte("name: psample")},
		}
	}
	hash := func(f fs.FS) string {
		h, err := hashPatches(f, "6.1")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash(files())
	for name, changes := range map[string]bool{
		"Makefile": true, "scripts/ext.sh": true, "patches/6.1/0001.patch": true, "patches/6.1/new.patch": true,
		"patches/6.6/0001.patch": false, "uapi/linux/psample.h": false, "specs/psample.yaml": false,
	} {
		f := files()
		f[name] = &fstest.MapFile{Data: []byte("changed")}
		if got := hash(f) != base; got != changes {
			t.Errorf("changing %s changes the hash: %v", name, got)
		}
	}
	if n := countPatches(files(), "6.1"); n != 2 {
		t.Errorf("countPatches = %d", n)
	}
	for _, k := range kernels.Everything() {
		if k.Patches != "" && countPatches(kmod.FS, k.Patches) == 0 {
			t.Errorf("kernel %s: there are no patches for %s", k, k.Patches)
		}
		if k.Without == "" {
			continue
		}
		found, err := fs.Glob(kmod.FS, "patches/"+k.Patches+"/*-"+k.Without+"*.patch")
		if err != nil || len(found) != 1 {
			t.Errorf("kernel %s: patch %s: %v, %v", k, k.Without, found, err)
		}
	}
}

func TestWantSource(t *testing.T) {
	for name, want := range map[string]bool{
		"Makefile": true, "Kconfig": true, "net/psample/psample.c": true, "net/openvswitch/Kconfig": true,
		"include/net/psample.h": true, "scripts/mod/modpost.c": true, "kernel/bounds.c": true,
		"arch/um/kernel/asm-offsets.c": true, "arch/x86/um/asm/ptrace.h": true, "arch/Kconfig": true,
		"drivers/net/Kconfig": true, "tools/include/linux/types.h": true, "security/selinux/include/classmap.h": true,
		"drivers/net/veth.c": false, "arch/arm64/kernel/head.S": false, "fs/ext4/super.c": false,
		"Documentation/index.rst": false, "tools/perf/perf.c": false, "sound/sound_core.c": false,
	} {
		if got := wantSource(name); got != want {
			t.Errorf("wantSource(%s) = %v", name, got)
		}
	}
}

func archive(t *testing.T, members ...tar.Header) *bytes.Buffer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range members {
		h.Mode, h.Size = 0o644, int64(len(h.Name))
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(h.Name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf
}

func TestUntar(t *testing.T) {
	dir := t.TempDir()
	all := func(name string) string { return name }
	r := archive(t,
		tar.Header{Name: "./a/", Typeflag: tar.TypeDir},
		tar.Header{Name: "./a/b/c", Typeflag: tar.TypeReg},
		tar.Header{Name: "skip", Typeflag: tar.TypeReg},
		tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a/b/c"},
	)
	err := untar(r, dir, func(name string) string {
		if name == "skip" {
			return ""
		}
		return "to/" + name
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "to", "l"))
	if err != nil || string(data) != "./a/b/c" {
		t.Errorf("read through the link: %q, %v", data, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "to", "skip")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unwanted member: %v", err)
	}

	outside := filepath.Join(t.TempDir(), "outside")
	for name, r := range map[string]*bytes.Buffer{
		"parent": archive(t, tar.Header{Name: "../evil", Typeflag: tar.TypeReg}),
		"through link": archive(t,
			tar.Header{Name: "d", Typeflag: tar.TypeSymlink, Linkname: filepath.Dir(outside)},
			tar.Header{Name: "d/outside", Typeflag: tar.TypeReg}),
		"device":   archive(t, tar.Header{Name: "n", Typeflag: tar.TypeChar}),
		"cut off":  bytes.NewBuffer(archive(t, tar.Header{Name: "longer than nothing", Typeflag: tar.TypeReg}).Bytes()[:520]),
		"no tar":   bytes.NewBufferString(strings.Repeat("x", 2048)),
		"hardlink": archive(t, tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}),
	} {
		if err := untar(r, t.TempDir(), all); err == nil {
			t.Errorf("%s: was unpacked", name)
		}
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("a member was written outside")
	}
}

func TestCheckTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := checkTools([]tool{{"no-such-tool-a", "pkg-a"}, {"no-such-tool-b", "pkg-b"}, {"no-such-tool-c", "pkg-a"}})
	if !errors.Is(err, ErrTools) {
		t.Fatalf("checkTools: %v", err)
	}
	for _, want := range []string{"no-such-tool-a, no-such-tool-b, no-such-tool-c", "install --no-install-recommends pkg-a pkg-b)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("checkTools: %v: misses %q", err, want)
		}
	}
	if err := checkTools(nil); err != nil {
		t.Error(err)
	}
}

func TestToolEnv(t *testing.T) {
	t.Setenv("MAKEFLAGS", "-j9")
	t.Setenv("ARCH", "arm64")
	t.Setenv("KBUILD_OUTPUT", "/elsewhere")
	t.Setenv("LC_MESSAGES", "de_DE")
	t.Setenv("KEEP_ME", "1")
	env := strings.Join(toolEnv(), "\n")
	for _, gone := range []string{"MAKEFLAGS=", "ARCH=", "KBUILD_OUTPUT=", "LC_MESSAGES="} {
		if strings.Contains("\n"+env, "\n"+gone) {
			t.Errorf("%s is passed on", gone)
		}
	}
	for _, there := range []string{"KEEP_ME=1", "LC_ALL=C", "/usr/sbin"} {
		if !strings.Contains(env, there) {
			t.Errorf("%s is missing", there)
		}
	}
}

// TestRefresh has mirrors that never answer: lists at hand must do then, and
// without any the failure is told.
func TestRefresh(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	defer func(d time.Duration) { refreshLimit = d }(refreshLimit)
	refreshLimit = 200 * time.Millisecond
	program := func(name, script string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	state, err := apt.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	w := &work{Builder: &Builder{Log: &log}, ctx: t.Context(), k: kernels.Kernel{Package: "pkg"}, apt: state}

	program("apt-cache", "echo 'pkg | 6.1-1 | mirror Packages'")
	// The child keeps the output open, as apt's methods do.
	program("apt-get", "sleep 60; exit 1")
	start := time.Now()
	if err := w.refresh(true, "package lists", state.Update); err != nil || !strings.Contains(log.String(), "no answer within") {
		t.Errorf("with lists: %v\n%s", err, log.String())
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("with lists: took %v", d)
	}
	if err := w.refresh(false, "package lists", state.Update); err != nil {
		t.Errorf("with lists, not asked for: %v", err)
	}

	program("apt-cache", "exit 0")
	program("apt-get", "echo 'E: no mirror' >&2; exit 100")
	if err := w.refresh(false, "package lists", state.Update); err == nil || !strings.Contains(err.Error(), "no mirror") {
		t.Errorf("without lists: %v", err)
	}
}
