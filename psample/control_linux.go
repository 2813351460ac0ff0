// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// The controller family, linux/genetlink.h: GENL_ID_CTRL is its message type
// and the number of its multicast group "notify" alike.
const (
	ctrlFamily         = 16 // GENL_ID_CTRL
	ctrlNewFamily      = 1  // CTRL_CMD_NEWFAMILY
	ctrlDelFamily      = 2  // CTRL_CMD_DELFAMILY
	ctrlAttrFamilyName = 2  // CTRL_ATTR_FAMILY_NAME
)

// controlSlot holds what the kernel puts into one notification
// (NLMSG_DEFAULT_SIZE: a page at most 8 KiB large).
const controlSlot = 8192

// maxCreated bounds the list of re-created groups between two looks at it;
// beyond it the sequence heuristics have to do.
const maxCreated = 4096

// control listens, on a socket of its own, to what happens to the psample
// family and its groups. A socket that is member of a family's multicast group
// is not told when the family goes: it only falls silent.
type control struct {
	ns   *nl.NetNS
	conn *netlink.Conn
	// batch and not conn.Receive: psample marks its group notifications as
	// parts of a longer answer, and Receive waits for an end that never comes.
	batch *nl.Batch
	wake  func()

	mu     sync.Mutex
	fam    nl.Family // zero: not there
	events controlEvents
}

// controlEvents is what happened since the last look.
type controlEvents struct {
	created []uint32   // groups made anew
	removed bool       // the family went
	loaded  *nl.Family // the family came
	err     error
}

func newControl(ns *nl.NetNS, wake func()) (*control, error) {
	conn, err := nl.DialRaw(syscall.NETLINK_GENERIC, ns)
	if err != nil {
		return nil, err
	}
	if err := conn.JoinGroup(ctrlFamily); err != nil {
		conn.Close()
		return nil, listenError("join multicast group nlctrl/notify", err)
	}
	batch, err := nl.NewBatch(conn, controlSlot)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &control{ns: ns, conn: conn, batch: batch, wake: wake}, nil
}

// start begins to listen, given the family as the caller found it.
func (c *control) start(fam nl.Family) {
	c.fam = fam
	c.joinConfig(fam)
	go c.run()
}

// joinConfig asks for group notifications. Without them a group that was made
// anew is recognised by its numbers only.
func (c *control) joinConfig(fam nl.Family) {
	if id, ok := groupID(fam, uapi.PSAMPLE_NL_MCGRP_CONFIG_NAME); ok {
		_ = c.conn.JoinGroup(id)
	}
}

func (c *control) close() { _ = c.conn.Close() }

// current is the family as last heard of.
func (c *control) current() nl.Family {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fam
}

// take hands over what happened since the last call.
func (c *control) take() controlEvents {
	c.mu.Lock()
	defer c.mu.Unlock()
	ev := c.events
	c.events = controlEvents{}
	return ev
}

func (c *control) run() {
	for {
		n, err := c.batch.Receive(context.Background())
		switch {
		case errors.Is(err, nl.ErrOverrun):
			c.resync() // something was missed: look what is there now
		case err != nil:
			// The socket was closed, by close(); any other failure must not
			// leave the reader waiting in silence.
			c.mu.Lock()
			c.events.err = err
			c.mu.Unlock()
			c.wake()
			return
		}
		for i := range n {
			b, _ := c.batch.Message(i)
			c.datagram(b)
		}
	}
}

// datagram takes one datagram apart into messages.
func (c *control) datagram(b []byte) {
	for len(b) >= nlmsgHeaderLen {
		n := int64(binary.NativeEndian.Uint32(b))
		if n < nlmsgHeaderLen || n > int64(len(b)) {
			return // cut off or no netlink at all
		}
		c.message(binary.NativeEndian.Uint16(b[4:]), b[nlmsgHeaderLen:n])
		b = b[min((n+3)&^3, int64(len(b))):]
	}
}

// message takes one message without its nlmsghdr.
func (c *control) message(typ uint16, data []byte) {
	if typ < minMessageType || len(data) < genlHeaderLen {
		return
	}
	command, attrs := data[0], data[genlHeaderLen:]
	switch {
	case typ != ctrlFamily && command == uapi.PSAMPLE_CMD_NEW_GROUP:
		c.groupCreated(attrs)
	case typ != ctrlFamily || familyName(attrs) != uapi.PSAMPLE_GENL_NAME:
	case command == ctrlNewFamily:
		c.resync()
	case command == ctrlDelFamily:
		c.removed()
	}
}

func familyName(attrs []byte) string {
	for a, err := range nl.Attrs(attrs) {
		if err == nil && a.Type == ctrlAttrFamilyName {
			return a.String()
		}
	}
	return ""
}

func (c *control) groupCreated(attrs []byte) {
	for a, err := range nl.Attrs(attrs) {
		if err != nil || a.Type != uapi.PSAMPLE_ATTR_SAMPLE_GROUP {
			continue
		}
		if g, ok := a.Uint32(); ok {
			c.mu.Lock()
			if len(c.events.created) < maxCreated && !slices.Contains(c.events.created, g) {
				c.events.created = append(c.events.created, g)
			}
			c.mu.Unlock()
		}
	}
}

func (c *control) removed() {
	c.mu.Lock()
	c.fam = nl.Family{}
	c.events.removed, c.events.loaded = true, nil
	c.mu.Unlock()
	c.wake()
}

// resync compares the family that is there with the one that was.
func (c *control) resync() {
	fam, err := nl.LookupFamily(c.ns, uapi.PSAMPLE_GENL_NAME, "psample")
	c.mu.Lock()
	known := c.fam.ID
	c.mu.Unlock()
	switch {
	case errors.Is(err, nl.ErrUnsupported):
		if known != 0 {
			c.removed()
		}
		return
	case err != nil:
		c.mu.Lock()
		c.events.err = err
		c.mu.Unlock()
		c.wake()
		return
	case fam.ID == known:
		return
	}
	c.joinConfig(fam)
	c.mu.Lock()
	c.events.removed = c.events.removed || known != 0
	c.fam, c.events.loaded = fam, &fam
	c.mu.Unlock()
	c.wake()
}
