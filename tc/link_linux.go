// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

const (
	ifinfomsgLen = 16 // sizeof(struct ifinfomsg), linux/rtnetlink.h
	// maxIfName and maxAltName are IFNAMSIZ and ALTIFNAMSIZ without the
	// terminator, linux/if.h and linux/if_link.h.
	maxIfName  = 15
	maxAltName = 127
)

// link finds a device by index, else by name or alternative name.
func (c *Client) link(ctx context.Context, op string, f SampleFilter) (link, error) {
	object := f.Dev
	if object == "" {
		object = fmt.Sprintf("ifindex %d", f.IfIndex)
	}
	fail := func(err error) error {
		e := &nl.Error{Op: op, Object: object, Err: err}
		if le, ok := errors.AsType[*nl.Error](err); ok {
			e.Err, e.Msg, e.Path = le.Err, le.Msg, le.Path
		}
		if errors.Is(err, syscall.ENODEV) {
			e.Msg, e.Hint = "", hintFor(syscall.ENODEV)
		}
		return e
	}
	var attrs []byte
	switch {
	case f.IfIndex != 0:
	case f.Dev == "" || len(f.Dev) > maxAltName || strings.ContainsAny(f.Dev, "/\x00"):
		return link{}, fail(syscall.ENODEV)
	case len(f.Dev) > maxIfName:
		attrs = nl.AppendString(nil, uapi.IFLA_ALT_IFNAME, f.Dev)
	default:
		attrs = nl.AppendString(nil, uapi.IFLA_IFNAME, f.Dev)
	}
	msgs, err := c.conn.Execute(ctx, linkRequest(f.IfIndex, attrs))
	if err != nil {
		return link{}, fail(err)
	}
	for _, m := range msgs {
		if l, ok, err := decodeLink(m); err != nil {
			return link{}, fail(err)
		} else if ok {
			return l, nil
		}
	}
	return link{}, fail(errors.New("the kernel answered without a device"))
}

// links lists all devices of the namespace.
func (c *Client) links(ctx context.Context, op string) ([]link, error) {
	r := linkRequest(0, nil)
	r.Op, r.Object = op, "all devices"
	msgs, err := c.conn.DumpAll(ctx, r)
	if err != nil {
		return nil, err
	}
	var out []link
	for _, m := range msgs {
		l, ok, err := decodeLink(m)
		if err != nil {
			return nil, &nl.Error{Op: op, Object: r.Object, Err: err}
		}
		if ok {
			out = append(out, l)
		}
	}
	return out, nil
}

func linkRequest(index uint32, attrs []byte) nl.Request {
	data := make([]byte, ifinfomsgLen, ifinfomsgLen+len(attrs))
	binary.NativeEndian.PutUint32(data[4:], index)
	return nl.Request{
		Op: "look up device", Type: uapi.RTM_GETLINK,
		Data: append(data, attrs...), AttrsAt: ifinfomsgLen,
	}
}

func decodeLink(m netlink.Message) (link, bool, error) {
	if m.Header.Type != uapi.RTM_NEWLINK {
		return link{}, false, nil
	}
	if len(m.Data) < ifinfomsgLen {
		return link{}, false, fmt.Errorf("decode device: message of %d bytes is shorter than struct ifinfomsg (%d)", len(m.Data), ifinfomsgLen)
	}
	l := link{index: binary.NativeEndian.Uint32(m.Data[4:])}
	for a, err := range nl.Attrs(m.Data[ifinfomsgLen:]) {
		if err != nil {
			return link{}, false, fmt.Errorf("decode device %d: %w", l.index, err)
		}
		if a.Type == uapi.IFLA_IFNAME {
			l.name = a.String()
		}
	}
	return l, true, nil
}
