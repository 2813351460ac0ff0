// SPDX-License-Identifier: Apache-2.0

package modstate

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Host makes a report on the kernel this program runs on.
func Host() (Report, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return Report{}, fmt.Errorf("ask the kernel for its release: %w", err)
	}
	return Read(Source{
		Release: unix.ByteSliceToString(u.Release[:]),
		Sys:     os.DirFS("/sys"), Proc: os.DirFS("/proc"), Modules: os.DirFS("/lib/modules"),
	})
}
