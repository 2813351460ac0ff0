// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
)

// TestReceiveAfterCancel ends a call's context just as a message makes it
// return: the next call must only know its own. It needs no datapath, as any
// message will do.
func TestReceiveAfterCancel(t *testing.T) {
	c, err := nl.DialRaw(netlinkGeneric, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const ctrlID, getFamily, attrName = 16, 3, 2 // GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME
	s := newUpcallSocket(c, nl.Family{ID: ctrlID})
	ask := netlink.Message{
		Header: netlink.Header{Type: ctrlID, Flags: netlink.Request},
		Data:   nl.AppendString([]byte{getFamily, 1, 0, 0}, attrName, "nlctrl"),
	}
	for i := range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := c.Send(ask); err != nil {
			t.Fatal(err)
		}
		go cancel()
		_, _ = s.Receive(ctx)
		ctx, cancel = context.WithTimeout(t.Context(), 2*time.Millisecond)
		for err = nil; !errors.Is(err, context.DeadlineExceeded); _, err = s.Receive(ctx) {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("after call %d: %v", i, err)
			}
		}
		cancel()
	}
}
