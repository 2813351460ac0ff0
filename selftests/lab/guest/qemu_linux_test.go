// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/google/go-cmp/cmp"
)

func TestMachineArgs(t *testing.T) {
	o := &Options{Linux: "/c/vmlinux", Memory: 1 << 30, Dir: "/a,b", Machine: &Machine{CPUs: 3}}
	args := machineArgs(o, "/dev/shm/run", "/dev/shm/run/initrd", true)
	for _, want := range [][]string{
		{"-accel", "tcg,thread=multi"}, {"-smp", "3"}, {"-m", "1024M"}, {"-kernel", "/c/vmlinux"}, {"-initrd", "/dev/shm/run/initrd"},
		{"-chardev", "pipe,id=doorbell,path=/proc/self/fd/3"}, {"-chardev", "file,id=report,path=/proc/self/fd/6"},
		{"-fsdev", "local,id=root,path=/,security_model=none,multidevs=remap,readonly=on"},
		{"-fsdev", "local,id=run,path=/dev/shm/run,security_model=none,multidevs=remap"},
		// A comma would end the path.
		{"-fsdev", "local,id=dir,path=/a,,b,security_model=none,multidevs=remap"},
	} {
		found := false
		for i := range len(args) - 1 {
			found = found || args[i] == want[0] && args[i+1] == want[1]
		}
		if !found {
			t.Errorf("no %q in %q", want, args)
		}
	}
	words := machineCommandLine(o)
	for _, want := range []string{"panic=-1", "DPLAB_RUN=run", "DPLAB_VM=qemu", "loglevel=4", "tsc=reliable"} {
		if !slices.Contains(words, want) {
			t.Errorf("no %s in %v", want, words)
		}
	}
	o.Machine.KVM, o.Console = true, io.Discard
	args, words = machineArgs(o, "/r", "/i", false), machineCommandLine(o)
	if !slices.Contains(args, "kvm") || slices.Contains(words, "mitigations=off") || !slices.Contains(words, "loglevel=7") {
		t.Errorf("with KVM: %q, %v", args, words)
	}
	if strings.Contains(strings.Join(args, " "), "id=dir") {
		t.Error("a directory that is not to be shared is offered")
	}
}

// members lists an archive, with the content of what is no directory.
func members(t *testing.T, r *cpio.Reader) map[string]string {
	t.Helper()
	all := map[string]string{}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = string(data)
	}
}

func TestWriteInitrd(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	helper := filepath.Join(dir, "helper")
	build := exec.Command("go", "build", "-o", helper, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	modules := filepath.Join(dir, "modules")
	if err := os.WriteFile(modules, []byte("more"), 0o644); err != nil {
		t.Fatal(err)
	}
	initrd := filepath.Join(dir, "initrd")
	if err := writeInitrd(initrd, helper, modules); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(initrd)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(helper)
	if err != nil {
		t.Fatal(err)
	}
	archive, ok := bytes.CutSuffix(data, []byte("more"))
	// The kernel looks for the next archive at a multiple of four.
	if !ok || len(archive)%4 != 0 {
		t.Errorf("the modules begin at %d", len(archive))
	}
	if diff := cmp.Diff(map[string]string{"sys": "", "init": string(program)}, members(t, cpio.NewReader(bytes.NewReader(archive)))); diff != "" {
		t.Error(diff)
	}

	// A shell is linked dynamically everywhere the lab runs.
	if err := writeInitrd(filepath.Join(dir, "other"), "/bin/sh", modules); !errors.Is(err, errDynamic) {
		t.Errorf("a dynamic program: %v", err)
	}
	if err := writeInitrd(filepath.Join(dir, "other"), source, modules); err == nil {
		t.Error("a text was taken for a program")
	}
}

func TestCheckMachine(t *testing.T) {
	good := Options{
		Linux: "l", Modules: "m", Release: "r", Helper: "h", Argv: []string{"c"}, Memory: MinMachineMemory,
		Machine: &Machine{QEMU: "q", Initrd: "i", CPUs: 1},
	}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Options){
		"no memory":    func(o *Options) { o.Memory = MinMemory },
		"no qemu":      func(o *Options) { o.Machine = &Machine{Initrd: "i", CPUs: 1} },
		"no initrd":    func(o *Options) { o.Machine = &Machine{QEMU: "q", CPUs: 1} },
		"no processor": func(o *Options) { o.Machine = &Machine{QEMU: "q", Initrd: "i"} },
	} {
		o := good
		change(&o)
		if o.check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
