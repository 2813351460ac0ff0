// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/dpscope/dpscope/ovs"

// flowClock is the clock that Flow.UsedMS is in, read once for some flows:
// where the clock is a system call it would cost more than the flow.
type flowClock struct {
	now  uint64
	left int // flows until it is read again
}

// flowsPerReading are printed in well under a millisecond.
const flowsPerReading = 64

// at is the time to count back from for f.
func (c *flowClock) at(f ovs.Flow) (uint64, error) {
	if f.UsedMS == 0 {
		return c.now, nil // never used: it does not matter
	}
	if c.left == 0 || f.UsedMS > c.now {
		now, err := monotonicMS()
		if err != nil {
			return 0, err
		}
		c.now, c.left = now, flowsPerReading
	}
	c.left--
	return c.now, nil
}
