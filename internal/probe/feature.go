// SPDX-License-Identifier: Apache-2.0

package probe

// Feature is something a kernel's openvswitch or psample may have.
type Feature struct {
	Name  string // one word, for programs
	What  string // for people
	Since string // where it is to be had; empty: all kernels dpscope runs on, if configured
	// Has tells that it is there. It says nothing when Err is set.
	Has bool
	Err error // why it could not be found out
}
