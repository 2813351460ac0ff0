// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	gotc "github.com/florianl/go-tc"
	"github.com/mdlayher/netlink"
)

// TestWriteInterrupted: when the context ends during a write, what the kernel
// answered counts; what the socket says about being closed does not.
func TestWriteInterrupted(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		want    string
		refused bool
	}{
		"socket closed": {&netlink.OpError{Op: "receive", Err: os.ErrClosed}, "the user had enough", false},
		"answered":      {&netlink.OpError{Op: "receive", Err: syscall.EEXIST, Sequence: 1}, "netlink receive: file exists", true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			err := (&Client{}).write(ctx, func(*gotc.Tc) error {
				cancel(errors.New("the user had enough"))
				return tt.err
			})
			if err == nil || err.Error() != tt.want || refused(err) != tt.refused || errors.Is(err, context.Canceled) == tt.refused {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
