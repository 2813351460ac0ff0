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

	"golang.org/x/sys/unix"

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
		Broken: func(why error) { _ = writeAnswer(cache, img, refusal(host, why)) },
	}, nil
}

// kvmAnswer is what is remembered about the host's processors and a kernel.
type kvmAnswer struct {
	// Host is the boot of the host, the kernel and the qemu it is about.
	Host  string `json:"host"`
	Works bool   `json:"works"`
	Why   string `json:"why,omitempty"`
	// Until is when it is to be asked again; zero is when the host has booted.
	Until time.Time `json:"until,omitzero"`
}

// refusal is the answer of a guest that did not come up. One that was not in
// time may only have been slow, but asking each time would cost each run that
// time where KVM hangs.
func refusal(host string, why error) kvmAnswer {
	answer := kvmAnswer{Host: host, Why: firstLine(why)}
	if errors.Is(why, guest.ErrSilent) {
		answer.Until = time.Now().Add(silentFor)
	}
	return answer
}

// silentFor is how long a guest's silence is taken for an answer.
const silentFor = 20 * time.Minute

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
	p := probe{cache, img, hostID(img, qemu), log}
	p.run(ctx, func() error { return tryKVM(ctx, img, qemu) })
}

// probe is one question whether a kernel runs on the host's processors.
type probe struct {
	cache *build.Cache
	img   build.Image
	host  string
	log   io.Writer
}

// run tries it, unless the answer is known, and notes the answer. A lock tells
// that it is being tried: it is gone with its holder, however that ends. Who
// comes meanwhile does without.
func (p probe) run(ctx context.Context, try func() error) {
	if p.host == "" {
		return
	}
	if _, known := readAnswer(p.cache, p.img, p.host); known {
		return
	}
	path := answerFile(p.cache, p.img)
	if os.MkdirAll(filepath.Dir(path), 0o755) != nil {
		return
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	if _, known := readAnswer(p.cache, p.img, p.host); known {
		return
	}
	begin := time.Now()
	err = try()
	if ctx.Err() != nil {
		return
	}
	answer := kvmAnswer{Host: p.host, Works: true}
	verdict := "works"
	if err != nil {
		answer = refusal(p.host, err)
		verdict = "does not, so processors are emulated: " + answer.Why
	}
	if _, judged := errors.AsType[*guest.Error](err); err != nil && !judged {
		// There was no guest: nothing is known about KVM.
		verdict = "cannot be told: " + firstLine(err)
	} else {
		_ = writeAnswer(p.cache, p.img, answer)
	}
	if p.log != nil {
		fmt.Fprintf(p.log, "lab: tried for %.1f s whether KVM works with this kernel: it %s\n", time.Since(begin).Seconds(), verdict)
	}
}

// nothing is a command that does not exist: that it does not is told by a guest
// that is up.
const nothing = "/dev/null/none"

// tryKVM boots the kernel. Its error is a *guest.Error if there was a guest.
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
	res, err := guest.Run(ctx, guest.Options{
		Linux: img.Linux, Release: img.Release, Modules: img.Modules, Helper: helper, Hold: hold,
		Machine: &guest.Machine{QEMU: qemu, Initrd: img.Initrd, CPUs: DefaultSMP(img.VM), KVM: true},
		Argv:    []string{nothing}, Dir: "/", Memory: DefaultMemory(img.VM), Grace: DefaultGrace,
	})
	if err != nil {
		return err
	}
	if res.Code != guest.CodeNotFound {
		return &guest.Error{Err: fmt.Errorf("a guest ended with status %d", res.Code)}
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
	if err != nil || json.Unmarshal(data, &answer) != nil || host == "" || answer.Host != host ||
		!answer.Until.IsZero() && time.Until(answer.Until) <= 0 {
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

// firstLine is the gist of an error.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(line, "run "+nothing+": ")
}
