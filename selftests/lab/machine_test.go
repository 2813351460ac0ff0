// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

func TestCheckSMP(t *testing.T) {
	for _, c := range []struct {
		vm   kernels.VM
		n    int
		want bool
	}{
		{kernels.UML, 0, true}, {kernels.UML, 1, true}, {kernels.UML, 2, false}, {kernels.UML, -1, false},
		{kernels.QEMU, 0, true}, {kernels.QEMU, 1, true}, {kernels.QEMU, MaxSMP, true}, {kernels.QEMU, MaxSMP + 1, false},
	} {
		if err := CheckSMP(c.vm, c.n); (err == nil) != c.want || err != nil && !errors.Is(err, ErrSMP) {
			t.Errorf("CheckSMP(%s, %d) = %v", c.vm, c.n, err)
		}
	}
	if CheckSMP(kernels.UML, DefaultSMP(kernels.UML)) != nil || CheckSMP(kernels.QEMU, DefaultSMP(kernels.QEMU)) != nil {
		t.Error("a default is refused")
	}
}

func TestKVMAnswer(t *testing.T) {
	cache := &build.Cache{Root: t.TempDir()}
	img := build.Image{Dir: "/images/6.1.qemu-1"}
	if _, known := readAnswer(cache, img, "host"); known {
		t.Error("something is known about nothing")
	}
	want := kvmAnswer{Host: "host", Works: true, Why: "w"}
	if err := writeAnswer(cache, img, want); err != nil {
		t.Fatal(err)
	}
	if got, known := readAnswer(cache, img, "host"); !known || got != want {
		t.Errorf("%+v, %v", got, known)
	}
	// Neither another boot nor another kernel, nor a host nobody can tell from
	// others, is what was asked.
	for host, image := range map[string]build.Image{"other": img, "host": {Dir: "/images/6.1.qemu-2"}, "": img} {
		if got, known := readAnswer(cache, image, host); known || got.Works {
			t.Errorf("%q: %+v", host, got)
		}
	}
	if err := os.WriteFile(answerFile(cache, img), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, known := readAnswer(cache, img, "host"); known || got.Works {
		t.Errorf("broken: %+v", got)
	}
}

// TestProbeWithoutAPlace does nothing when the answer could not be kept, and
// when there is no device to ask.
func TestProbeWithoutAPlace(t *testing.T) {
	defer func(d string) { kvmDevice = d }(kvmDevice)
	dir := t.TempDir()
	kvmDevice = filepath.Join(dir, "kvm")
	bin := filepath.Join(dir, "bin")
	tried := filepath.Join(dir, "tried")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "qemu-system-x86_64"), []byte("#!/bin/sh\n: >"+tried+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	img := build.Image{Dir: "/images/6.1.qemu-1"}
	probeKVM(t.Context(), &build.Cache{Root: dir}, img, nil)
	if err := os.WriteFile(kvmDevice, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	probeKVM(t.Context(), &build.Cache{Root: file}, img, nil)
	if _, err := os.Stat(tried); err == nil {
		t.Error("qemu was started")
	}
	if _, err := os.Stat(answerFile(&build.Cache{Root: dir}, img)); err == nil {
		t.Error("an answer was noted")
	}
}
