// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
)

// Ping is the outcome of pinging.
type Ping struct{ Sent, Received int }

// PingSize is the length of a request as a datapath sees it, from the Ethernet
// header on. The sequence number is in the two bytes at PingSeq, counted from 1.
const (
	PingSize = 98
	PingSeq  = 14 + ipLen + 6

	ipLen     = 20
	echoLen   = PingSize - 14 - ipLen
	typeReply = 0
	typeEcho  = 8
)

// Ping sends n echo requests, each when the one before has been answered. It is
// not in a hurry, as the program ping is in the end: an answer is awaited until
// ctx is over. A request that is not answered by then is the last one.
func (h *Host) Ping(ctx context.Context, dst netip.Addr, n int) (Ping, error) {
	if !dst.Is4() {
		return Ping{}, fmt.Errorf("ping %v from %s: not an IPv4 address", dst, h.Name)
	}
	failed := func(err error) error { return fmt.Errorf("ping %v from %s: %w", dst, h.Name, err) }
	fd, err := h.icmpSocket()
	if err != nil {
		return Ping{}, failed(err)
	}
	defer func() { _ = unix.Close(fd) }()
	var p Ping
	id := uint16(os.Getpid())
	for range n {
		if err := unix.Sendto(fd, echo(id, uint16(p.Sent+1)), 0, &unix.SockaddrInet4{Addr: dst.As4()}); err != nil {
			return p, failed(err)
		}
		p.Sent++
		// Each of its own: many take long on a busy machine.
		bounded, cancel := h.s.bound(ctx)
		err := awaitReply(bounded, fd, id, uint16(p.Sent))
		cancel()
		switch {
		case err == nil:
			p.Received++
		case ctx.Err() != nil: // the caller's patience is over, not ours
			return p, nil
		default:
			return p, failed(err)
		}
	}
	return p, nil
}

// icmpSocket opens a raw socket in the host, which gives up waiting ten times a
// second.
func (h *Host) icmpSocket() (fd int, err error) {
	ns, err := nl.OpenNetNS(h.Name)
	if err != nil {
		return -1, err
	}
	defer func() { _ = ns.Close() }()
	err = ns.Do(func() error {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("open raw socket: %w", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("limit waiting on raw socket: %w", err)
	}
	return fd, nil
}

func awaitReply(ctx context.Context, fd int, id, seq uint16) error {
	buf := make([]byte, 2048)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case err == nil:
			if isReply(buf[:n], id, seq) {
				return nil
			}
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("receive: %w", err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// echo is an echo request (RFC 792).
func echo(id, seq uint16) []byte {
	b := make([]byte, echoLen)
	b[0] = typeEcho
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	// Everything else is zero. The checksum of RFC 1071 over these words:
	sum := typeEcho<<8 + uint32(id) + uint32(seq)
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum))
	return b
}

// isReply tells whether an IPv4 packet answers this request.
func isReply(b []byte, id, seq uint16) bool {
	if len(b) < ipLen || len(b) < int(b[0]&0xf)*4+8 {
		return false
	}
	b = b[int(b[0]&0xf)*4:]
	return b[0] == typeReply && binary.BigEndian.Uint16(b[4:]) == id && binary.BigEndian.Uint16(b[6:]) == seq
}
