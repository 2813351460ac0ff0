// SPDX-License-Identifier: Apache-2.0

// Package owner finds out who looks after a datapath: the processes whose
// sockets receive its packets. The kernel knows sockets by port ids; what
// process has one is in /proc alone. It asks nothing of the processes.
package owner

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dpscope/dpscope/nl"
)

// Vswitchd is the daemon of Open vSwitch.
const Vswitchd = "ovs-vswitchd"

// Process is a running process.
type Process struct {
	PID  int    `json:"pid"` // 0: it is not to be seen from here
	Name string `json:"name"`
}

// String names the process for messages.
func (p Process) String() string {
	if p.PID == 0 {
		return "a process that cannot be seen from here"
	}
	return fmt.Sprintf("%s (process %d)", p.Name, p.PID)
}

// IsVswitchd tells whether it is the daemon of Open vSwitch.
func (p Process) IsVswitchd() bool { return p.Name == Vswitchd }

// Finder looks for processes. The zero value looks at the running system.
type Finder struct {
	Proc  string    // where procfs is; empty: /proc
	NetNS *nl.NetNS // the datapath's namespace; nil: the current one
}

func (f Finder) proc() string { return cmp.Or(f.Proc, "/proc") }

// Receivers gives the processes behind port ids of generic netlink sockets.
// Port ids nobody has any more are left out: what had them has ended. A socket
// whose process cannot be found, because it is in another PID namespace or
// belongs to somebody else, gives a Process without PID.
func (f Finder) Receivers(ports []uint32) ([]Process, error) {
	var text []byte
	err := f.NetNS.Do(func() (err error) {
		// Not self: that is the main thread, which stays where it is.
		text, err = os.ReadFile(filepath.Join(f.proc(), "thread-self", "net", "netlink"))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find receivers of upcalls: %w", err)
	}
	sockets, err := parseSockets(string(text))
	if err != nil {
		return nil, fmt.Errorf("find receivers of upcalls: /proc/net/netlink: %w", err)
	}
	wanted := map[uint64]bool{}
	for _, p := range ports {
		if inode, ok := sockets[p]; ok {
			wanted[inode] = true
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	var found []Process
	f.each(func(p Process, dir string) {
		for _, inode := range openSockets(dir) {
			if wanted[inode] {
				delete(wanted, inode)
				if !slices.Contains(found, p) {
					found = append(found, p)
				}
			}
		}
	})
	if len(wanted) > 0 {
		found = append(found, Process{})
	}
	return found, nil
}

// Vswitchds gives the Open vSwitch daemons whose network namespace is f.NetNS.
func (f Finder) Vswitchds() []Process {
	var (
		found []Process
		ours  os.FileInfo
	)
	_ = f.NetNS.Do(func() (err error) {
		ours, err = os.Stat(filepath.Join(f.proc(), "thread-self", "ns", "net"))
		return err
	})
	f.each(func(p Process, dir string) {
		if !p.IsVswitchd() {
			return
		}
		theirs, err := os.Stat(filepath.Join(dir, "ns", "net"))
		// Who may not look has to take it for one of this namespace.
		if err != nil || ours == nil || os.SameFile(ours, theirs) {
			found = append(found, p)
		}
	})
	return found
}

// each calls fn for all processes with their directories in procfs.
func (f Finder) each(fn func(Process, string)) {
	dirs, _ := filepath.Glob(filepath.Join(f.proc(), "[0-9]*"))
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue // it has ended
		}
		p := Process{PID: pid, Name: strings.TrimSpace(string(comm))}
		fn(p, dir)
	}
}

// openSockets gives the inodes of the sockets a process has open.
func openSockets(dir string) []uint64 {
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return nil
	}
	var inodes []uint64
	for _, fd := range fds {
		link, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
		if err != nil {
			continue
		}
		if n, ok := socketInode(link); ok {
			inodes = append(inodes, n)
		}
	}
	return inodes
}
