// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"slices"
	"sync"
)

// cappedHalf is how much of a log's beginning and of its end is kept.
const cappedHalf = 2 << 20

// capped keeps a log, of a long one the beginning and the end. It is safe for
// concurrent use.
type capped struct {
	mu         sync.Mutex
	head, tail []byte
	lost       bool
}

// Write never fails.
func (c *capped) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := min(len(p), cappedHalf-len(c.head))
	c.head = append(c.head, p[:room]...)
	c.tail = append(c.tail, p[room:]...)
	if extra := len(c.tail) - cappedHalf; extra > 0 {
		c.tail = slices.Delete(c.tail, 0, extra)
		c.lost = true
	}
	return len(p), nil
}

func (c *capped) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	middle := ""
	if c.lost {
		middle = "\n[a part of the log was too long to keep]\n"
	}
	return string(c.head) + middle + string(c.tail)
}
