// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"errors"
	"syscall"
)

// errnoOf reduces a library error to the errno at its core, so that texts stay
// one line and errors.Is works; other errors pass unchanged.
func errnoOf(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
