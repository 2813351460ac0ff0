// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lockWait is how long a change waits for another one. It goes on without
	// the lock then: anybody who can see the namespace can hold it.
	lockWait  = 5 * time.Second
	lockRetry = 2 * time.Millisecond
)

// lock keeps changes of this package in one network namespace apart, across
// processes, and returns the function that ends it. Without it one would remove
// the clsact as unused which another has just found to exist. The lock is an
// advisory one on the namespace's own file, so it goes with its holder.
func (c *Client) lock(ctx context.Context) (unlock func()) {
	path := "/proc/thread-self/ns/net"
	if c.ns != nil {
		// Opened anew: a lock belongs to an open file, not to a process.
		path = fmt.Sprintf("/proc/self/fd/%d", c.ns.FD())
	}
	f, err := os.Open(path)
	if err != nil {
		return func() {} // no /proc: best effort
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK {
		select {
		case <-ctx.Done():
			return func() { _ = f.Close() }
		case <-time.After(lockRetry):
		}
	}
	return func() { _ = f.Close() }
}
