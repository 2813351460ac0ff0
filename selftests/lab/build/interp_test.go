// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dynamicProgram finds a program of the system that has a loader.
func dynamicProgram(t *testing.T) (path, loader string) {
	t.Helper()
	for _, name := range []string{"true", "cat", "sh"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if loader, _, err := findInterp(data); err == nil {
			return path, loader
		}
	}
	t.Skip("no dynamically linked program here")
	return "", ""
}

// TestWithLibraries runs a program with a copy of its loader, twice changed.
func TestWithLibraries(t *testing.T) {
	path, loader := dynamicProgram(t)
	libs, to := t.TempDir(), filepath.Join(t.TempDir(), "program")
	if err := withLibraries(path, to, libs); err == nil || !strings.Contains(err.Error(), "no such loader") {
		t.Errorf("without a loader: %v", err)
	}
	if err := copyFile(loader, filepath.Join(libs, filepath.Base(loader))); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := copyFile(loader, filepath.Join(other, filepath.Base(loader))); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{libs, other} {
		if err := withLibraries(path, to, dir); err != nil {
			t.Fatal(err)
		}
		path = to
		data, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		want := filepath.Join(dir, filepath.Base(loader))
		if got, _, err := findInterp(data); err != nil || got != want {
			t.Errorf("loader %q, %v, want %q", got, err, want)
		}
		cmd := exec.Command(to)
		cmd.Stdin = strings.NewReader("")
		if err := cmd.Run(); err != nil {
			t.Errorf("with the loader in %s: %v", dir, err)
		}
	}
	// It must be this loader that is used.
	if err := os.Remove(filepath.Join(other, filepath.Base(loader))); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(to).Run(); err == nil {
		t.Error("it runs without its loader")
	}
}

func TestFindInterp(t *testing.T) {
	path, _ := dynamicProgram(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wide := bytes.Clone(good)
	wide[4] = 1
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("#!/bin/sh\n"), "cut off": good[:60], "32 bits": wide} {
		if _, _, err := findInterp(data); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}

func FuzzFindInterp(f *testing.F) {
	f.Add([]byte("\x7fELF"))
	if data, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(data[:min(len(data), 4096)])
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if _, at, err := findInterp(data); err == nil {
			setInterp(data, at, "/x")
		}
	})
}

func TestIsLibrary(t *testing.T) {
	for name, want := range map[string]bool{
		"usr/lib/x86_64-linux-gnu/libc.so.6": true, "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": true,
		"usr/lib/x86_64-linux-gnu/libgcc_s.so.1":   true,
		"usr/lib/x86_64-linux-gnu/gconv/UTF-16.so": false, "usr/lib64/ld-linux-x86-64.so.2": false,
		"usr/share/doc/libc6/copyright": false, "etc/ld.so.conf.d/x.conf": false, "usr/bin/ldd": false,
	} {
		if got := isLibrary(name); got != want {
			t.Errorf("isLibrary(%s) = %v", name, got)
		}
	}
}

func TestLibraryPath(t *testing.T) {
	for dir, want := range map[string]bool{"/home/u/.cache": true, "/a b": true, "/a:b": false, "/a;b": false, "/$ORIGIN": false} {
		if err := libraryPath(dir); (err == nil) != want {
			t.Errorf("libraryPath(%s): %v", dir, err)
		}
	}
}
