// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/guest"
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

// TestProbe asks once, remembers a refusal until the host boots again and a
// silence for a while only, and nothing of what was no answer.
func TestProbe(t *testing.T) {
	silence := &guest.Error{Err: fmt.Errorf("boot: %w for %v", guest.ErrSilent, 10*time.Second)}
	for _, c := range []struct {
		name  string
		err   error
		know  bool
		until bool
		log   string
	}{
		{"works", nil, true, false, "it works\n"},
		{"refused", &guest.Error{Err: errors.New("run " + nothing + ": died\nbadly")}, true, false, "emulated: died\n"},
		{"silent", silence, true, true, "emulated: boot: the guest said nothing for 10s\n"},
		{"no guest", errors.New("find dplab: gone"), false, false, "cannot be told: find dplab: gone\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			p := probe{&build.Cache{Root: t.TempDir()}, build.Image{Dir: "/images/6.1.qemu-1"}, "host", &log}
			tried := 0
			try := func() error {
				tried++
				// Who comes meanwhile neither tries as well nor waits.
				p.run(t.Context(), func() error { t.Error("tried twice at a time"); return nil })
				return c.err
			}
			p.run(t.Context(), try)
			answer, known := readAnswer(p.cache, p.img, p.host)
			if known != c.know || answer.Works != (c.err == nil) || answer.Until.IsZero() == c.until || !strings.HasSuffix(log.String(), c.log) {
				t.Errorf("%+v, %v, said %q", answer, known, log.String())
			}
			p.run(t.Context(), try)
			if again := tried == 2; again == c.know {
				t.Errorf("tried %d times", tried)
			}
			if !c.until {
				return
			}
			if left := time.Until(answer.Until); left <= 0 || left > silentFor {
				t.Errorf("remembered for %v", left)
			}
			answer.Until = time.Now().Add(-time.Second)
			if err := writeAnswer(p.cache, p.img, answer); err != nil {
				t.Fatal(err)
			}
			p.run(t.Context(), func() error { tried++; return nil })
			if answer, known := readAnswer(p.cache, p.img, p.host); tried != 2 || !known || !answer.Works || !answer.Until.IsZero() {
				t.Errorf("tried %d times: %+v, %v", tried, answer, known)
			}
		})
	}
}

// TestProbeCutOff has probes end without an answer: by a signal to the command,
// and by one that leaves it no time to do anything. The next one tries again.
func TestProbeCutOff(t *testing.T) {
	p := probe{&build.Cache{Root: t.TempDir()}, build.Image{Dir: "/images/6.1.qemu-1"}, "host", nil}
	ctx, cancel := context.WithCancel(t.Context())
	p.run(ctx, func() error {
		cancel()
		return &guest.Error{Err: ctx.Err()}
	})
	if answer, known := readAnswer(p.cache, p.img, p.host); known {
		t.Errorf("%+v", answer)
	}

	if root := os.Getenv("PROBE_CUT_OFF"); root != "" {
		p.cache.Root = root
		p.run(t.Context(), func() error { return unix.Kill(os.Getpid(), unix.SIGKILL) })
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestProbeCutOff$")
	cmd.Env = append(os.Environ(), "PROBE_CUT_OFF="+p.cache.Root)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("%v\n%s", err, out)
	}
	if answer, known := readAnswer(p.cache, p.img, p.host); known {
		t.Errorf("%+v", answer)
	}
	p.run(t.Context(), func() error { return nil })
	if answer, known := readAnswer(p.cache, p.img, p.host); !known || !answer.Works {
		t.Errorf("%+v, %v", answer, known)
	}

	// Nor is anything asked that could not be remembered.
	p.host = ""
	p.run(t.Context(), func() error { t.Error("tried"); return nil })
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
