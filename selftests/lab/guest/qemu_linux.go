// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cavaliergopher/cpio"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// qemuConfig tells the guard how to start a kernel on a machine, and makes the
// initrd.
func qemuConfig(o *Options, dir string, shareDir bool) (guardConfig, error) {
	initrd := filepath.Join(dir, "initrd")
	if err := writeInitrd(initrd, o.Helper, o.Machine.Initrd); err != nil {
		return guardConfig{}, err
	}
	return guardConfig{
		Program: o.Machine.QEMU, Args: append([]string{"qemu"}, machineArgs(o, dir, initrd, shareDir)...), CPU: -1,
		Env: []string{"TMPDIR=" + dir, "HOME=" + dir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
	}, nil
}

// writeInitrd joins the helper, as the first process, with the modules it
// loads. The kernel takes several archives in a row.
func writeInitrd(to, helper, modules string) error {
	if err := static(helper); err != nil {
		return err
	}
	src, err := os.Open(helper)
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	defer dst.Close()
	w := cpio.NewWriter(dst)
	for _, h := range []cpio.Header{
		// Where the first file system is mounted.
		{Name: "sys", Mode: cpio.TypeDir | 0o755},
		{Name: "init", Mode: cpio.TypeReg | 0o755, Size: st.Size()},
	} {
		if err := w.WriteHeader(&h); err != nil {
			return fmt.Errorf("make initrd: %w", err)
		}
	}
	if _, err := io.Copy(w, src); err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	more, err := os.Open(modules)
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	defer more.Close()
	if _, err := io.Copy(dst, more); err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	if err := dst.Close(); err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	return nil
}

// static refuses a program that wants libraries: there are none where it runs.
func static(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("make initrd: %s: %w", program, err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("make initrd: %w: %s (build it with CGO_ENABLED=0)", errDynamic, program)
		}
	}
	return nil
}

var errDynamic = errors.New("the program that becomes the first process is not linked statically")

// machineArgs gives the arguments of qemu.
func machineArgs(o *Options, dir, initrd string, shareDir bool) []string {
	accel := "tcg,thread=multi"
	if o.Machine.KVM {
		accel = "kvm"
	}
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-nic", "none", "-no-reboot",
		"-machine", "q35", "-accel", accel, "-cpu", "max",
		"-smp", strconv.Itoa(o.Machine.CPUs), "-m", fmt.Sprintf("%dM", o.Memory>>20),
		"-kernel", o.Linux, "-initrd", initrd, "-append", strings.Join(append(machineCommandLine(o), o.Args...), " "),
		"-chardev", "file,id=console,path=/proc/self/fd/1", "-serial", "chardev:console",
		"-device", "virtio-serial-pci,id=lines",
	}
	for i, name := range wire.Lines {
		// A pipe opened under the name of the descriptor is a pipe of the same
		// data.
		kind := "file"
		if name == wire.LineDoorbell {
			kind = "pipe"
		}
		args = append(args,
			"-chardev", fmt.Sprintf("%s,id=%s,path=/proc/self/fd/%d", kind, name, fdDoorbell+i),
			"-device", fmt.Sprintf("virtserialport,bus=lines.0,chardev=%[1]s,name=%[1]s", name))
	}
	share := func(tag, path, more string) {
		args = append(args,
			// A comma in the path is written twice.
			"-fsdev", fmt.Sprintf("local,id=%s,path=%s,security_model=none,multidevs=remap%s", tag, strings.ReplaceAll(path, ",", ",,"), more),
			"-device", fmt.Sprintf("virtio-9p-pci,fsdev=%[1]s,mount_tag=%[1]s", tag))
	}
	share(wire.TagRoot, "/", ",readonly=on")
	share(wire.TagRun, dir, "")
	if shareDir {
		share(wire.TagDir, o.Dir, "")
	}
	return args
}

// machineCommandLine gives the kernel's.
func machineCommandLine(o *Options) []string {
	level := "loglevel=4"
	if o.Console != nil {
		level = "loglevel=7"
	}
	words := []string{
		"console=ttyS0", level, "panic=-1", "random.trust_cpu=on",
		wire.EnvRun + "=" + wire.TagRun, wire.EnvVM + "=" + wire.VMQEMU,
		// They take a third of the boot, and are not about this machine.
		"cryptomgr.notests",
	}
	if !o.Machine.KVM {
		// Translated code leaks nothing between processors. The clock is the
		// host's; a busy host must not make the kernel doubt it.
		words = append(words, "mitigations=off", "tsc=reliable", "no_timer_check")
	}
	return words
}
