// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs"
)

// Constants of the wire, linux/netlink.h and linux/openvswitch.h.
const (
	netlinkGeneric = 16 // NETLINK_GENERIC
	headerLen      = 4  // sizeof(struct ovs_header)
	// version is that of all messages: the tool takes the datapath family's for
	// the others, too.
	version = 2
)

// session is a command at work.
type session struct {
	*ovs.Client
	*tool
	cmd *cobra.Command
}

// run gives a command its connection.
func (t *tool) run(cmd *cobra.Command, f func(session) error) error {
	c, err := ovs.Open(nil)
	if err != nil {
		return err
	}
	s := session{Client: c, tool: t, cmd: cmd}
	defer func() { _ = c.Close() }()
	return f(s)
}

func (s session) ctx() context.Context { return s.cmd.Context() }

// withDatapath looks a datapath up for f.
func (t *tool) withDatapath(cmd *cobra.Command, name string, f func(session, ovs.Datapath) error) error {
	return t.run(cmd, func(s session) error {
		dp, err := s.Datapath(s.ctx(), name)
		if errors.Is(err, ovs.ErrNoDatapath) {
			return notFound(cmd, name)
		}
		if err != nil {
			return err
		}
		s.debugf(cmd, "datapath %s has ifindex %d", name, dp.Ifindex)
		return f(s, dp)
	})
}

// put is a request that makes or changes something, in the tool's own form:
// package ovs has no say in the version, and keeps what the kernel refuses from
// it.
type put struct {
	op, object string
	family     string
	command    uint8
	version    uint8
	ifindex    int
	attrs      []byte
	spec       *nl.AttrSpec
}

// message is the request after struct nlmsghdr.
func (p put) message() []byte {
	b := make([]byte, nl.GenlHeaderLen+headerLen, nl.GenlHeaderLen+headerLen+len(p.attrs))
	b[0], b[1] = p.command, p.version
	binary.NativeEndian.PutUint32(b[nl.GenlHeaderLen:], uint32(int32(p.ifindex)))
	return append(b, p.attrs...)
}

// put sends a request and waits for the kernel's word.
func (s session) put(p put) error {
	f, err := nl.LookupFamily(nil, p.family, "openvswitch")
	if err != nil {
		return err
	}
	conn, err := nl.Dial(netlinkGeneric, nil)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	s.debugf(s.cmd, "%s %s: to %s: command %d, version %d, ifindex %d, attributes %x", p.op, p.object, p.family, p.command, p.version, p.ifindex, p.attrs)
	_, err = conn.Execute(s.ctx(), nl.Request{
		Op: p.op, Object: p.object,
		Type: f.ID, Flags: netlink.Request, Data: p.message(),
		AttrsAt: nl.GenlHeaderLen + headerLen, Spec: p.spec,
	})
	return err
}

// hint adds to a kernel's refusal what to do next.
func hint(err error, errno error, text string) error {
	if ne, ok := errors.AsType[*nl.Error](err); ok && errors.Is(err, errno) && ne.Hint == "" {
		ne.Hint = text
	}
	return err
}
