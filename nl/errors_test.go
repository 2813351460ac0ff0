// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"errors"
	"syscall"
	"testing"
)

func TestErrorText(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&Error{Op: "add flow", Object: "datapath dp0", Err: syscall.EINVAL, Msg: "bad key", Path: "OVS_FLOW_ATTR_KEY", Hint: "see dump-flows"},
			"add flow datapath dp0: invalid argument: bad key [OVS_FLOW_ATTR_KEY] (see dump-flows)"},
		{&Error{Op: "add datapath", Object: "dp0", Err: syscall.EPERM},
			"add datapath dp0: operation not permitted (needs CAP_NET_ADMIN in the network namespace's user namespace; run as root)"},
		{&UnsupportedError{Feature: "x", Since: "Linux 6.11", Hint: "upgrade", Err: syscall.EINVAL},
			"x: not supported by this kernel: invalid argument (needs Linux 6.11; upgrade)"},
		{&UnsupportedError{Feature: "x"}, "x: not supported by this kernel"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	if err := error(&UnsupportedError{Err: syscall.ENOENT}); !errors.Is(err, ErrUnsupported) || !errors.Is(err, syscall.ENOENT) {
		t.Error("an UnsupportedError must match ErrUnsupported and its cause")
	}
}
