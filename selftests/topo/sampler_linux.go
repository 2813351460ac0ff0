// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/psample"
	"github.com/dpscope/dpscope/selftests"
)

// Sample is a sample as it came: decoded, and the datagram byte by byte.
type Sample struct {
	psample.Sample
	// Raw is the whole datagram from its nlmsghdr on.
	Raw []byte
}

// Listener is a plain socket in psample's multicast group. It is not the
// package psample's Listener, since here the kernel is under test and the wire
// form counts; but every datagram goes through that package's decoder.
type Listener struct {
	t  *selftests.T
	fd int
}

// NewListener joins psample's group in a namespace; it leaves with the case.
func NewListener(t *selftests.T, ns *nl.NetNS) *Listener {
	f, err := nl.LookupFamily(ns, uapi.PSAMPLE_GENL_NAME, "psample")
	t.Must(err)
	group := 0
	for _, g := range f.Groups {
		if g.Name == uapi.PSAMPLE_NL_MCGRP_SAMPLE_NAME {
			group = int(g.ID)
		}
	}
	l := &Listener{t: t, fd: -1}
	err = ns.Do(func() error {
		var err error
		l.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_GENERIC)
		if err != nil {
			return err
		}
		return errors.Join(
			unix.Bind(l.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
			unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer),
			unix.SetsockoptInt(l.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group),
		)
	})
	t.Cleanup(l.Close)
	if err != nil {
		t.Fatalf("listen to psample: %v", err)
	}
	return l
}

// Close leaves the group before the case ends.
func (l *Listener) Close() {
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
		l.fd = -1
	}
}

// Take waits for n samples and then a moment for samples too many, and returns
// all that came. A lost or undecodable sample ends the case.
func (l *Listener) Take(n int) []Sample {
	var out []Sample
	buf := make([]byte, 1<<17)
	deadline := time.Now().Add(patience)
	for {
		size, _, err := unix.Recvfrom(l.fd, buf, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			out = append(out, l.decode(bytes.Clone(buf[:size])))
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			l.t.Fatalf("samples were lost: the receive buffer is full after %d", len(out))
		case !errors.Is(err, unix.EAGAIN):
			l.t.Fatalf("receive samples: %v", err)
		}
		left := linger
		if len(out) < n {
			left = time.Until(deadline)
		}
		switch err := pollFD(l.t, l.fd, unix.POLLIN, left); {
		case errors.Is(err, errPollTimeout):
			return out
		case err != nil:
			l.t.Fatalf("receive samples: %v", err)
		}
	}
}

func (l *Listener) decode(raw []byte) Sample {
	s := Sample{Raw: raw}
	if err := psample.Decode(raw, &s.Sample); err != nil {
		l.t.Fatalf("decode sample: %v\n%x", err, raw)
	}
	if len(s.Unknown) > 0 {
		l.t.Errorf("sample carries attribute %d, which is not in the header file\n%x", s.Unknown[0].Type, raw)
	}
	return s
}

// Expect takes n samples and ends the case unless exactly n came.
func (l *Listener) Expect(n int) []Sample {
	got := l.Take(n)
	if len(got) != n {
		for i, s := range got {
			if i == 10 {
				l.t.Logf("... and so on")
				break
			}
			l.t.Logf("sample %d: group %d rate %d origsize %d cookie %x data %x", i, s.Group, s.Rate, s.OrigSize, s.Cookie, s.Data)
		}
		l.t.Fatalf("%d samples, want %d", len(got), n)
	}
	return got
}

// SampleHeaders is the length of nlmsghdr and genlmsghdr in front of the attributes.
const SampleHeaders = 20

// Attrs walks the attributes of a sample as they are on the wire.
func (s *Sample) Attrs(t *selftests.T) []nl.Attr {
	var out []nl.Attr
	for a, err := range nl.Attrs(s.Raw[SampleHeaders:]) {
		if err != nil {
			t.Fatalf("walk sample: %v\n%x", err, s.Raw)
		}
		out = append(out, a)
	}
	return out
}

// Padding returns the bytes between the end of the data attribute and the next
// attribute, which belong to nobody.
func (s *Sample) Padding(t *selftests.T) []byte {
	b := s.Raw[:min(len(s.Raw), int(binary.NativeEndian.Uint32(s.Raw)))]
	for at := SampleHeaders; at+4 <= len(b); {
		n := int(binary.NativeEndian.Uint16(b[at:]))
		typ := binary.NativeEndian.Uint16(b[at+2:]) & nl.TypeMask
		end := (at + n + 3) &^ 3
		if n < 4 || end > len(b) {
			t.Fatalf("sample: attribute %d at %d has length %d of %d bytes\n%x", typ, at, n, len(b), b)
		}
		if typ == uapi.PSAMPLE_ATTR_DATA {
			return b[at+n : end]
		}
		at = end
	}
	t.Fatalf("sample without data\n%x", b)
	return nil
}
