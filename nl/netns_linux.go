// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// netnsDir is where iproute2 keeps named network namespaces.
const netnsDir = "/run/netns"

// NetNS is an open network namespace; nil stands for the current one. The
// namespace lives at least as long as the handle is open.
type NetNS struct {
	f    *os.File
	name string
	dial func(family int) (*netlink.Conn, error) // instead of the system's
}

// TestNetNS makes a network namespace for tests whose netlink sockets dial
// makes. Package nltest has kernels to stand behind it.
func TestNetNS(name string, dial func(family int) (*netlink.Conn, error)) *NetNS {
	return &NetNS{name: name, dial: dial}
}

// OpenNetNS opens a network namespace by name (as `ip netns` knows it), by path
// (anything with a slash) or by process ("pid:N"). The empty string gives nil,
// the current namespace.
func OpenNetNS(spec string) (*NetNS, error) {
	if spec == "" {
		return nil, nil
	}
	path := filepath.Join(netnsDir, spec)
	pid, byPID := strings.CutPrefix(spec, "pid:")
	switch {
	case byPID:
		if strings.Trim(pid, "0123456789") != "" || pid == "" {
			return nil, fmt.Errorf("network namespace %q: pid:N wants a decimal process id", spec)
		}
		path = filepath.Join("/proc", pid, "ns", "net")
	case strings.Contains(spec, "/"):
		path = spec
	case spec == "." || spec == "..":
		return nil, fmt.Errorf("network namespace %q: not a name", spec)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, netnsError(spec, err)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil || st.Type != unix.NSFS_MAGIC {
		f.Close()
		return nil, fmt.Errorf("network namespace %q: %s is not a namespace file (a deleted one leaves an empty file behind; see: ip netns list)", spec, path)
	}
	return &NetNS{f: f, name: spec}, nil
}

func netnsError(spec string, err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		err = pe.Err
	}
	hint := "named ones: ip netns list"
	if errors.Is(err, os.ErrPermission) {
		hint = "run as root"
	}
	return fmt.Errorf("network namespace %q: %w (%s)", spec, err, hint)
}

// NewNetNS makes a network namespace without a name. It disappears, with all
// devices and datapaths in it, once the handle and the sockets in it are
// closed. It needs CAP_SYS_ADMIN.
func NewNetNS() (*NetNS, error) {
	type result struct {
		ns  *NetNS
		err error
	}
	ch := make(chan result)
	go func() {
		// The thread is in the new namespace from here on: never unlocked, it
		// ends with this goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			hint := ""
			if errors.Is(err, unix.EPERM) {
				hint = "needs CAP_SYS_ADMIN; run as root"
			}
			ch <- result{err: &Error{Op: "make network namespace", Err: err, Hint: hint}}
			return
		}
		f, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		if err != nil {
			ch <- result{err: fmt.Errorf("open new network namespace: %w", err)}
			return
		}
		ch <- result{ns: &NetNS{f: f, name: "(new)"}}
	}()
	r := <-ch
	return r.ns, r.err
}

// FD is the namespace's file descriptor, 0 for the current namespace (what
// netlink.Config.NetNS expects).
func (n *NetNS) FD() int {
	if n == nil || n.f == nil {
		return 0
	}
	return int(n.f.Fd())
}

// String is the name the namespace was opened by, "" for the current one.
func (n *NetNS) String() string {
	if n == nil {
		return ""
	}
	return n.name
}

// Close releases the handle. It is safe on nil.
func (n *NetNS) Close() error {
	if n == nil || n.f == nil {
		return nil
	}
	return n.f.Close()
}

// Do runs fn on a thread inside the namespace. fn must not start goroutines
// that count on being there: they run on other threads.
func (n *NetNS) Do(fn func() error) error {
	if n == nil || n.f == nil {
		return fn()
	}
	ch := make(chan error)
	go func() {
		runtime.LockOSThread() // ends with the goroutine, as in NewNetNS
		if err := unix.Setns(n.FD(), unix.CLONE_NEWNET); err != nil {
			hint := ""
			if errors.Is(err, unix.EPERM) {
				hint = "needs CAP_SYS_ADMIN; run as root"
			}
			ch <- &Error{Op: "enter network namespace", Object: n.name, Err: err, Hint: hint}
			return
		}
		ch <- fn()
	}()
	return <-ch
}
