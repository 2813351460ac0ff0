// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

func routeDump(typ uint16) Request {
	return Request{Op: "list", Object: "something", Type: typ, Data: make([]byte, unix.SizeofIfInfomsg), AttrsAt: unix.SizeofIfInfomsg}
}

// A stream and a dump say the same.
func TestStream(t *testing.T) {
	c, err := Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, typ := range []uint16{unix.RTM_GETADDR, unix.RTM_GETROUTE} { // links have counters, which change
		var want, got [][]byte
		for m, err := range c.Dump(t.Context(), routeDump(typ)) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, m.Data)
		}
		for b, err := range c.Stream(t.Context(), routeDump(typ)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, bytes.Clone(b))
		}
		if len(got) != len(want) {
			t.Fatalf("%d messages, the dump has %d", len(got), len(want))
		}
		for i := range got {
			// The last part of an address is how long it is valid still.
			if n := 16; len(got[i]) != len(want[i]) || !bytes.Equal(got[i][:min(n, len(got[i]))], want[i][:min(n, len(want[i]))]) {
				t.Errorf("message %d: %x, the dump has %x", i, got[i], want[i])
			}
		}
	}
}

// What is left of a stream that was left does not come back.
func TestStreamLeft(t *testing.T) {
	c, err := Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 20 {
		for _, err := range c.Stream(t.Context(), routeDump(unix.RTM_GETROUTE)) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if _, err := c.DumpAll(t.Context(), linkRequest(0)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStreamErrors(t *testing.T) {
	c, err := Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		t.Fatal(err)
	}
	stream := func(ctx context.Context, r Request) (err error) {
		for _, err = range c.Stream(ctx, r) {
			if err != nil {
				break
			}
		}
		return err
	}
	if err := stream(t.Context(), routeDump(60000)); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("an unknown message: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := stream(ctx, routeDump(unix.RTM_GETLINK)); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	if err := stream(t.Context(), routeDump(unix.RTM_GETROUTE)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	c.Close()
	if err := stream(t.Context(), routeDump(unix.RTM_GETLINK)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed socket: %v", err)
	}
}

func datagram(typ netlink.HeaderType, flags netlink.HeaderFlags, payload []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(nlmsgHeaderLen+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, uint16(typ))
	b = binary.NativeEndian.AppendUint16(b, uint16(flags))
	b = binary.NativeEndian.AppendUint32(b, 7)
	b = binary.NativeEndian.AppendUint32(b, 9)
	b = append(b, payload...)
	return append(b, make([]byte, align(len(payload))-len(payload))...)
}

// The end of a dump with an error carries text and offset.
func TestStreamAcks(t *testing.T) {
	failed := binary.NativeEndian.AppendUint32(nil, ^uint32(syscall.EINVAL)+1)
	text := AppendUint32(AppendString(nil, ackText, "not today"), ackOffset, 40)
	request := datagram(20, 0, []byte{1, 2, 3})
	for name, b := range map[string][]byte{
		"done":   datagram(netlink.Done, flagAckAttrs|netlink.Multi, append(bytes.Clone(failed), text...)),
		"capped": datagram(netlink.Error, flagAckAttrs|flagCapped, append(append(bytes.Clone(failed), request[:nlmsgHeaderLen]...), text...)),
		"whole":  datagram(netlink.Error, flagAckAttrs, append(append(bytes.Clone(failed), request...), text...)),
	} {
		done, err := eachMessage(b, nil)
		op, ok := errors.AsType[*netlink.OpError](err)
		if !done || !ok || !errors.Is(err, syscall.EINVAL) || op.Message != "not today" || op.Offset != 40 || op.Sequence != 7 {
			t.Errorf("%s: %v %#v", name, done, err)
		}
	}
	if done, err := eachMessage(datagram(netlink.Done, netlink.Multi, make([]byte, 4)), nil); !done || err != nil {
		t.Errorf("a plain end: %v, %v", done, err)
	}
	if done, err := eachMessage(datagram(netlink.Error, 0, make([]byte, 20)), nil); !done || err != nil {
		t.Errorf("an acknowledgement: %v, %v", done, err)
	}
}

func FuzzStreamDatagram(f *testing.F) {
	f.Add(append(datagram(20, netlink.Multi, []byte{1, 2, 3}), datagram(netlink.Done, netlink.Multi, make([]byte, 4))...))
	f.Add(datagram(netlink.Error, flagAckAttrs, append(make([]byte, 20), AppendString(nil, ackText, "x")...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		_, _ = eachMessage(b, func(h netlink.Header, payload []byte) error {
			if int(h.Length) != nlmsgHeaderLen+len(payload) {
				t.Errorf("length %d, payload %d", h.Length, len(payload))
			}
			total += int(h.Length)
			return nil
		})
		if total > len(b) {
			t.Errorf("%d bytes of %d", total, len(b))
		}
	})
}
