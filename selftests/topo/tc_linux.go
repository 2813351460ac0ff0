// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/selftests"
)

// TCSample is what a traffic-control sample action is told.
type TCSample struct {
	Index  uint32 // of the action; the kernel chooses when 0
	Rate   uint32
	Group  uint32
	Trunc  uint32 // attribute absent when 0
	Cookie []byte // attribute absent when nil
}

// Direction is the side of a device a filter sits on.
type Direction uint32

// The two sides, as minor numbers of clsact (linux/pkt_sched.h).
const (
	Ingress Direction = uapi.TC_H_MIN_INGRESS
	Egress  Direction = uapi.TC_H_MIN_EGRESS
)

// String is "ingress" or "egress".
func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}

// Message types and attributes of actions on their own, linux/rtnetlink.h.
const (
	rtmNewAction = 48
	tcaActTab    = 1
	tcamsgLen    = 4
)

// tcmsgLen is sizeof(struct tcmsg), linux/rtnetlink.h.
const tcmsgLen = 20

func tcmsg(index, handle, parent, info uint32) []byte {
	b := make([]byte, tcmsgLen)
	binary.NativeEndian.PutUint32(b[4:], index)
	binary.NativeEndian.PutUint32(b[8:], handle)
	binary.NativeEndian.PutUint32(b[12:], parent)
	binary.NativeEndian.PutUint32(b[16:], info)
	return b
}

// AddClsact puts the queueing discipline on a device that filters of both
// sides hang on.
func AddClsact(t *selftests.T, d Dev) {
	data := tcmsg(d.Index, uapi.TC_H_CLSACT&uapi.TC_H_MAJ_MASK, uapi.TC_H_CLSACT, 0)
	_, err := route(t, d.NS).Execute(t.Context(), nl.Request{
		Op: "add clsact to device", Object: d.Name, Type: uapi.RTM_NEWQDISC, Flags: netlink.Create | netlink.Excl,
		Data: nl.AppendString(data, uapi.TCA_KIND, "clsact"), AttrsAt: tcmsgLen,
	})
	t.Must(err)
}

// AddTCSample puts a filter on one side of a device that hands every packet to
// a sample action. The device has a clsact.
func AddTCSample(t *selftests.T, d Dev, dir Direction, s TCSample) {
	t.Must(TryTCSample(t, d, dir, s))
}

// TryTCSample is AddTCSample with the kernel's refusal as the result.
func TryTCSample(t *selftests.T, d Dev, dir Direction, s TCSample) error {
	const pref = 1
	parent := uapi.TC_H_CLSACT&uapi.TC_H_MAJ_MASK | uint32(dir)
	data := tcmsg(d.Index, 0, parent, pref<<16|uint32(htons(ethPAll)))
	data = nl.AppendString(data, uapi.TCA_KIND, "matchall")
	data, err := nl.AppendNested(data, uapi.TCA_OPTIONS, func(b []byte) ([]byte, error) {
		return nl.AppendNested(b, uapi.TCA_MATCHALL_ACT, s.append)
	})
	if err != nil {
		return err
	}
	_, err = route(t, d.NS).Execute(t.Context(), nl.Request{
		Op: "add sample filter to", Object: fmt.Sprintf("%s of %s", dir, d.Name), Type: uapi.RTM_NEWTFILTER,
		Flags: netlink.Create | netlink.Excl, Data: data, AttrsAt: tcmsgLen,
	})
	return err
}

// append writes the action as the first of a list.
func (s TCSample) append(b []byte) ([]byte, error) {
	return nl.AppendNested(b, 1, func(b []byte) ([]byte, error) {
		b = nl.AppendString(b, uapi.TCA_ACT_KIND, "sample")
		if s.Cookie != nil {
			b = nl.AppendAttr(b, uapi.TCA_ACT_COOKIE, s.Cookie)
		}
		return nl.AppendNested(b, uapi.TCA_ACT_OPTIONS, func(b []byte) ([]byte, error) {
			// struct tc_sample is tc_gen: index, capab, action, refcnt, bindcnt.
			parms := make([]byte, 20)
			binary.NativeEndian.PutUint32(parms, s.Index)
			binary.NativeEndian.PutUint32(parms[8:], uapi.TC_ACT_OK)
			b = nl.AppendAttr(b, uapi.TCA_SAMPLE_PARMS, parms)
			b = nl.AppendUint32(b, uapi.TCA_SAMPLE_RATE, s.Rate)
			if s.Trunc > 0 {
				b = nl.AppendUint32(b, uapi.TCA_SAMPLE_TRUNC_SIZE, s.Trunc)
			}
			return nl.AppendUint32(b, uapi.TCA_SAMPLE_PSAMPLE_GROUP, s.Group), nil
		})
	})
}

// Replacer changes a sample action that filters use already.
type Replacer struct {
	c *nl.Conn
}

// NewReplacer opens a Replacer for actions of one namespace.
func NewReplacer(t *selftests.T, ns *nl.NetNS) *Replacer { return &Replacer{c: route(t, ns)} }

// Replace gives the action with s.Index all of s. Without a cookie it loses
// the one it had.
func (r *Replacer) Replace(ctx context.Context, s TCSample) error {
	data, err := nl.AppendNested(make([]byte, tcamsgLen), tcaActTab, s.append)
	if err != nil {
		return err
	}
	_, err = r.c.Execute(ctx, nl.Request{
		Op: "replace sample action", Object: fmt.Sprint(s.Index), Type: rtmNewAction,
		Flags: netlink.Create | netlink.Replace, Data: data, AttrsAt: tcamsgLen,
	})
	return err
}

// HaveTCSample tells whether the kernel knows the sample action, its filter and
// its queueing discipline, by asking for one with a rate of 0: the kernel must
// find everything before it can refuse that.
func HaveTCSample(ctx context.Context, ns *nl.NetNS) (bool, error) {
	c, err := nl.Dial(unix.NETLINK_ROUTE, ns)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }()
	const lo = 1
	qdisc := nl.AppendString(tcmsg(lo, uapi.TC_H_CLSACT&uapi.TC_H_MAJ_MASK, uapi.TC_H_CLSACT, 0), uapi.TCA_KIND, "clsact")
	_, err = c.Execute(ctx, nl.Request{Op: "add clsact to device", Object: "lo", Type: uapi.RTM_NEWQDISC, Flags: netlink.Create, Data: qdisc, AttrsAt: tcmsgLen})
	switch {
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP):
		return false, nil
	case err != nil:
		return false, err
	}
	filter := tcmsg(lo, 0, uapi.TC_H_CLSACT&uapi.TC_H_MAJ_MASK|uapi.TC_H_MIN_INGRESS, 1<<16|uint32(htons(ethPAll)))
	filter = nl.AppendString(filter, uapi.TCA_KIND, "matchall")
	filter, err = nl.AppendNested(filter, uapi.TCA_OPTIONS, func(b []byte) ([]byte, error) {
		return nl.AppendNested(b, uapi.TCA_MATCHALL_ACT, TCSample{}.append)
	})
	if err != nil {
		return false, err
	}
	_, err = c.Execute(ctx, nl.Request{Op: "add filter to device", Object: "lo", Type: uapi.RTM_NEWTFILTER, Flags: netlink.Create, Data: filter, AttrsAt: tcmsgLen})
	switch {
	case errors.Is(err, unix.EINVAL):
		return true, nil
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP):
		return false, nil
	case err == nil:
		return false, errors.New("the kernel took a sample action with rate 0")
	}
	return false, err
}
