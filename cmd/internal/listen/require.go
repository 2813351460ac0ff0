// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"

	"github.com/dpscope/dpscope/internal/probe"
	"github.com/dpscope/dpscope/nl"
)

// sampleCookie finds out whether samples of this kernel carry cookies; tests
// replace it.
var sampleCookie = probe.SampleCookie

// requireCookie fails on a kernel whose samples cannot carry cookies.
func requireCookie(ctx context.Context) error {
	ok, err := sampleCookie(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return &nl.UnsupportedError{
			Feature: "user cookies in samples (PSAMPLE_ATTR_USER_COOKIE)",
			Since:   "Linux 6.11, or 6.1 with dpscope's kernel patches (kmod/)",
		}
	}
	return nil
}
