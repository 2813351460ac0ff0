// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
)

// NetNSSandbox is the Sandbox for real runs: a thread of its own, pinned to one
// CPU, in a network namespace of its own. The thread ends with the case. It
// needs CAP_SYS_ADMIN.
func NetNSSandbox(run func(*nl.NetNS), done func()) error {
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is spoilt for others
		ns, err := enterNewNetNS()
		if err == nil {
			err = PinThread(0)
		}
		ready <- err
		if err != nil {
			_ = ns.Close()
			return
		}
		defer done()
		defer func() { _ = ns.Close() }()
		run(ns)
	}()
	return <-ready
}

func enterNewNetNS() (*nl.NetNS, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		hint := ""
		if errors.Is(err, unix.EPERM) {
			hint = "needs CAP_SYS_ADMIN; run as root"
		}
		return nil, &nl.Error{Op: "make network namespace", Err: err, Hint: hint}
	}
	quietIPv6()
	return nl.OpenNetNS(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
}

// quietIPv6 keeps the kernel from sending router solicitations and the like on
// devices that come up: the cases count packets. Where there is no IPv6 the
// files are missing, and all is quiet anyway.
func quietIPv6() {
	for _, dev := range []string{"all", "default"} {
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+dev+"/disable_ipv6", []byte("1"), 0)
	}
}

// QuietNetNS is nl.NewNetNS without the packets IPv6 sends by itself.
func QuietNetNS() (*nl.NetNS, error) {
	ns, err := nl.NewNetNS()
	if err != nil {
		return nil, err
	}
	err = ns.Do(func() error {
		quietIPv6()
		return nil
	})
	if err != nil {
		_ = ns.Close()
		return nil, err
	}
	return ns, nil
}
