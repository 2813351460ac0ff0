// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// fakeImage puts an image into a cache that looks like a built one.
func fakeImage(t *testing.T, c *Cache, name string) Image {
	t.Helper()
	dir := filepath.Join(c.Root, "images", name+"-1")
	img := Image{
		Name: name, Dir: dir, Release: "6.1.1", Built: time.Now().UTC().Truncate(time.Second),
		Linux: filepath.Join(dir, "linux.uml"), Modules: filepath.Join(dir, "lib", "modules", "6.1.1"),
		Inputs: Inputs{Recipe: recipe, Kernel: name, UML: "6.1um1"},
	}
	if err := os.MkdirAll(img.Modules, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{img.Linux, filepath.Join(img.Modules, "modules.dep"), filepath.Join(dir, completeName)} {
		if err := os.WriteFile(f, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	img.LinuxID = identify(img.Linux)
	if err := c.save(name, img); err != nil {
		t.Fatal(err)
	}
	return img
}

func TestLoad(t *testing.T) {
	c := &Cache{Root: t.TempDir()}
	if _, err := c.Load("6.1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of nothing: %v", err)
	}
	want := fakeImage(t, c, "6.1")
	got, err := c.Load("6.1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for what, spoil := range map[string]func() error{
		"cut off":       func() error { return os.Remove(filepath.Join(want.Dir, completeName)) },
		"other kernel":  func() error { return os.WriteFile(want.Linux, []byte("longer"), 0o644) },
		"no modules":    func() error { return os.Remove(filepath.Join(want.Modules, "modules.dep")) },
		"bad manifest":  func() error { return os.WriteFile(c.manifest("6.1"), []byte("{"), 0o644) },
		"image is gone": func() error { return os.RemoveAll(want.Dir) },
	} {
		fakeImage(t, c, "6.1")
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Load("6.1"); err == nil {
			t.Errorf("%s: loaded all the same", what)
		}
	}
}

func TestStale(t *testing.T) {
	patches := fstest.MapFS{"patches/6.1/series": {Data: []byte("a\n")}}
	b := &Builder{Cache: &Cache{Root: t.TempDir()}, Patches: patches}
	stock := kernels.Kernel{Name: "s"}
	ours := kernels.Kernel{Name: "o", Source: "linux-source-6.1", Patches: "6.1"}
	machine := kernels.Kernel{Name: "m", VM: kernels.QEMU}
	hash, err := hashPatches(patches, "6.1")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	gcc := filepath.Join(bin, "gcc")
	if err := os.WriteFile(gcc, []byte("#!/bin/sh\necho gcc 12\necho more\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	good := Image{Inputs: Inputs{Recipe: recipe, Patches: hash, Compiler: "gcc 12"}, Compiler: identify(gcc)}
	for _, c := range []struct {
		name   string
		k      kernels.Kernel
		change func(*Image)
		want   bool
	}{
		{"same", ours, func(*Image) {}, false},
		{"recipe", stock, func(i *Image) { i.Inputs.Recipe-- }, true},
		{"patches of a stock kernel", stock, func(i *Image) { i.Inputs.Patches = "x" }, false},
		{"patches", ours, func(i *Image) { i.Inputs.Patches = "x" }, true},
		{"zones", ours, func(i *Image) { i.Inputs.Zones++ }, true},
		{"patch left out", ours, func(i *Image) { i.Inputs.Without = "x" }, true},
		{"made for a machine", ours, func(i *Image) { i.Inputs.Machine = machineRecipe }, true},
		{"machine", machine, func(i *Image) { i.Inputs.Machine = machineRecipe }, false},
		{"machine's recipe", machine, func(i *Image) { i.Inputs.Machine = machineRecipe + 1 }, true},
		{"compiler file only", ours, func(i *Image) { i.Compiler.Size++ }, false},
		{"compiler", ours, func(i *Image) { i.Compiler.Size++; i.Inputs.Compiler = "gcc 11" }, true},
	} {
		img := good
		c.change(&img)
		if why := b.Stale(c.k, img); (why != "") != c.want {
			t.Errorf("%s: Stale = %q", c.name, why)
		}
	}
}

func TestCleanKeepsHeldImages(t *testing.T) {
	c := &Cache{Root: t.TempDir()}
	b := &Builder{Cache: c}
	held, free := fakeImage(t, c, "6.1"), fakeImage(t, c, "6.1-dpscope")
	f, err := held.Hold()
	if err != nil {
		t.Fatal(err)
	}
	_, busy, err := b.Clean(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Base(held.Dir)}, busy); diff != "" {
		t.Error(diff)
	}
	if !complete(held.Dir) || complete(free.Dir) {
		t.Errorf("held image there: %v, free one there: %v", complete(held.Dir), complete(free.Dir))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, busy, err = b.Clean(t.Context()); err != nil || busy != nil || complete(held.Dir) {
		t.Errorf("second Clean: busy %v, %v, image there: %v", busy, err, complete(held.Dir))
	}
}

func TestCollect(t *testing.T) {
	c := &Cache{Root: t.TempDir()}
	b := &Builder{Cache: c}
	img := fakeImage(t, c, "6.1")
	machine := fakeImage(t, c, "6.12.qemu")
	kernel := c.stage("kernel", machine.Inputs.kernelKey())
	// Made from the version of a user-mode kernel that has no image.
	asUML := fakeImage(t, c, "6.1.qemu.uml")
	asUML.Base = c.stage("uml", "6.1um2")
	if err := c.save("6.1.qemu.uml", asUML); err != nil {
		t.Fatal(err)
	}
	answers := filepath.Join(c.Root, "kvm")
	if err := os.Mkdir(answers, 0o755); err != nil {
		t.Fatal(err)
	}
	answer, gone := filepath.Join(answers, "6.12.qemu-1.json"), filepath.Join(answers, "6.12.qemu-0.json")
	for _, file := range []string{answer, answer + ".lock", gone, gone + ".lock", gone + ".4711"} {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := filepath.Join(c.Root, "images", "6.1-0")
	used, unused := c.stage("uml", img.Inputs.UML), c.stage("uml", "6.1um0")
	for _, dir := range []string{old, used, unused, kernel, asUML.Base, c.stage("headers", "0")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.collect()
	for dir, want := range map[string]bool{
		img.Dir: true, used: true, old: false, unused: false, machine.Dir: true, kernel: true, c.stage("headers", "0"): false,
		asUML.Dir: true, asUML.Base: true,
		answer: true, answer + ".lock": true, gone: false, gone + ".lock": false, gone + ".4711": false,
	} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v", dir, err == nil)
		}
	}
}

func TestStageDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stage")
	runs := 0
	fail := errors.New("no")
	fill := func() error {
		runs++
		if runs == 1 {
			return fail
		}
		return os.WriteFile(filepath.Join(dir, "f"), nil, 0o644)
	}
	if err := stageDir(dir, fill); !errors.Is(err, fail) {
		t.Errorf("first: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the broken stage was left")
	}
	for range 2 {
		if err := stageDir(dir, fill); err != nil {
			t.Error(err)
		}
	}
	if runs != 2 {
		t.Errorf("filled %d times", runs)
	}
}
