// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/tc"
)

const (
	// sampleWait bounds the wait for the one sample; it takes microseconds
	// where it works at all.
	sampleWait = 2 * time.Second

	probeGroup = 0xd5c0
	// probeBuffer is the receive buffer for a handful of tiny samples.
	probeBuffer = 64 << 10
)

// probeCookie uses the full length an action cookie can have.
var probeCookie = []byte("dpscope probe 01")

// SampleCookie tells whether the kernel's sample action hands its cookie on to
// psample: it samples one packet in a namespace of its own and looks. A kernel
// without act_sample gives an error that matches nl.ErrUnsupported.
func SampleCookie(ctx context.Context) (bool, error) {
	cookie, err := sampleOne(ctx)
	if err != nil {
		return false, fmt.Errorf("probe for sample cookies: %w", err)
	}
	return bytes.Equal(cookie, probeCookie), nil
}

// sampleOne returns the cookie of a sample whose action has probeCookie.
func sampleOne(ctx context.Context) ([]byte, error) {
	ns, err := nl.NewNetNS()
	if err != nil {
		return nil, err
	}
	defer func() { _ = ns.Close() }()
	if err := nl.SetLinkUp(ctx, ns, loopbackIndex, "lo"); err != nil {
		return nil, err
	}
	c, err := tc.Open(ns)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	_, err = c.AddSample(ctx, tc.SampleFilter{IfIndex: loopbackIndex, Rate: 1, Group: probeGroup, Cookie: probeCookie})
	if err != nil {
		return nil, err
	}
	l, err := psample.Listen(psample.Config{NetNS: ns, Groups: []uint32{probeGroup}, ReadBuffer: probeBuffer})
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	if err := ns.Do(sendDatagram); err != nil {
		return nil, fmt.Errorf("send a packet over loopback: %w", err)
	}
	wait, cancel := context.WithTimeoutCause(ctx, sampleWait, fmt.Errorf("no sample of a packet sent over loopback within %s", sampleWait))
	defer cancel()
	for {
		s, err := l.Next(wait)
		var notice psample.Notice
		switch {
		case err == nil:
			return bytes.Clone(s.Cookie), nil
		case errors.As(err, &notice): // of the group being made
		case wait.Err() != nil: // why it ended reads better than that it did
			return nil, nl.ContextError(wait)
		default:
			return nil, err
		}
	}
}

// loopbackIndex is LOOPBACK_IFINDEX, net/flow.h: in every namespace.
const loopbackIndex = 1

// sendDatagram sends one small UDP datagram to the discard port of 127.0.0.1.
// The socket is made here, on the calling thread, so that it is in the
// namespace that thread is in.
func sendDatagram() error {
	const discard = 9
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Sendto(fd, []byte("dpscope"), 0, &unix.SockaddrInet4{Port: discard, Addr: [4]byte{127, 0, 0, 1}})
}
