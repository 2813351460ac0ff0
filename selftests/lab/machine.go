// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/guest"
)

// machine describes what a kernel for real machines runs on.
func machine(cache *build.Cache, img build.Image, cpus int) (*guest.Machine, error) {
	qemu, err := build.QEMU()
	if err != nil {
		return nil, err
	}
	host := hostID(img, qemu)
	answer, _ := readAnswer(cache, img, host)
	return &guest.Machine{
		QEMU: qemu, Initrd: img.Initrd, CPUs: cpus, KVM: answer.Works,
		Broken: func(why error) { _ = writeAnswer(cache, img, kvmAnswer{Host: host, Why: firstLine(why)}) },
	}, nil
}

// kvmAnswer is what is remembered about the host's processors and a kernel.
type kvmAnswer struct {
	// Host is the boot of the host, the kernel and the qemu it is about.
	Host  string `json:"host"`
	Works bool   `json:"works"`
	Why   string `json:"why,omitempty"`
}

// kvmDevice offers the host's processors.
var kvmDevice = "/dev/kvm"

// probeKVM boots a kernel with the host's processors and notes whether it comes
// up. That the device is there, opens and makes a machine proves nothing: such
// were seen to abort on the first instruction, and to hang. Without a place to
// note the answer there is no probe: it can take seconds.
func probeKVM(ctx context.Context, cache *build.Cache, img build.Image, log io.Writer) {
	dev, err := os.OpenFile(kvmDevice, os.O_RDWR, 0)
	if err != nil {
		return
	}
	_ = dev.Close()
	qemu, err := build.QEMU()
	if err != nil {
		return
	}
	host := hostID(img, qemu)
	if _, known := readAnswer(cache, img, host); known {
		return
	}
	// Who comes meanwhile does without.
	if writeAnswer(cache, img, kvmAnswer{Host: host, Why: "being tried"}) != nil {
		return
	}
	answer := kvmAnswer{Host: host}
	begin := time.Now()
	if err := tryKVM(ctx, img, qemu); err != nil {
		answer.Why = firstLine(err)
	} else {
		answer.Works = true
	}
	if ctx.Err() != nil {
		_ = os.Remove(answerFile(cache, img))
		return
	}
	if log != nil {
		verdict := "works"
		if !answer.Works {
			verdict = "does not, so processors are emulated: " + answer.Why
		}
		fmt.Fprintf(log, "lab: tried for %.1f s whether KVM works with this kernel: it %s\n", time.Since(begin).Seconds(), verdict)
	}
	_ = writeAnswer(cache, img, answer)
}

// tryKVM boots the kernel for a command that does not exist: that it does not is
// told by a guest that is up.
func tryKVM(ctx context.Context, img build.Image, qemu string) error {
	helper, err := findHelper()
	if err != nil {
		return err
	}
	hold, err := img.Hold()
	if err != nil {
		return err
	}
	defer hold.Close()
	const nothing = "/dev/null/none"
	res, err := guest.Run(ctx, guest.Options{
		Linux: img.Linux, Release: img.Release, Modules: img.Modules, Helper: helper, Hold: hold,
		Machine: &guest.Machine{QEMU: qemu, Initrd: img.Initrd, CPUs: DefaultSMP(img.VM), KVM: true},
		Argv:    []string{nothing}, Dir: "/", Memory: DefaultMemory(img.VM), Grace: DefaultGrace,
	})
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "run "+nothing+": "))
	}
	if res.Code != guest.CodeNotFound {
		return fmt.Errorf("a guest ended with status %d", res.Code)
	}
	return nil
}

// hostID tells one boot of the host, one qemu and one kernel from others.
func hostID(img build.Image, qemu string) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	st, err := os.Stat(qemu)
	if err != nil {
		return ""
	}
	return strings.Join([]string{strings.TrimSpace(string(boot)), filepath.Base(img.Dir), qemu, st.ModTime().UTC().Format(time.RFC3339Nano)}, " ")
}

func answerFile(cache *build.Cache, img build.Image) string {
	return filepath.Join(cache.Root, "kvm", filepath.Base(img.Dir)+".json")
}

// readAnswer gives what is known about this host.
func readAnswer(cache *build.Cache, img build.Image, host string) (answer kvmAnswer, known bool) {
	data, err := os.ReadFile(answerFile(cache, img))
	if err != nil || json.Unmarshal(data, &answer) != nil || host == "" || answer.Host != host {
		return kvmAnswer{}, false
	}
	return answer, true
}

func writeAnswer(cache *build.Cache, img build.Image, answer kvmAnswer) error {
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	path := answerFile(cache, img)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
