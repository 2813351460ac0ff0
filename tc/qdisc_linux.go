// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	gotc "github.com/florianl/go-tc"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// ingressQdiscs gives the clsact or ingress discipline of every device that has
// one, by interface index. The kernel's dump always covers all devices.
func (c *Client) ingressQdiscs(ctx context.Context, op string) (map[uint32]qdisc, error) {
	const object = "queueing disciplines"
	msgs, err := c.conn.DumpAll(ctx, nl.Request{
		Op: op, Object: object,
		Type: uapi.RTM_GETQDISC, Data: tcmsg{}.append(nil),
	})
	if err != nil {
		return nil, err
	}
	out := map[uint32]qdisc{}
	for _, m := range msgs {
		if m.Header.Type != uapi.RTM_NEWQDISC {
			continue
		}
		h, q, err := decodeQdisc(m.Data)
		if err != nil {
			return nil, &nl.Error{Op: op, Object: object, Err: err}
		}
		if h.parent == uapi.TC_H_INGRESS {
			out[h.ifindex] = q
		}
	}
	return out, nil
}

func clsactObject(index uint32) *gotc.Object {
	return &gotc.Object{
		Msg: gotc.Msg{
			Ifindex: index,
			Handle:  uapi.TC_H_CLSACT & uapi.TC_H_MAJ_MASK,
			Parent:  uapi.TC_H_CLSACT,
		},
		Attribute: gotc.Attribute{Kind: kindClsact},
	}
}

func (c *Client) addClsact(ctx context.Context, index uint32) error {
	return c.write(ctx, func(t *gotc.Tc) error { return t.Qdisc().Add(clsactObject(index)) })
}

// dropClsact removes a clsact that this package made, unless something is on
// it by now.
func (c *Client) dropClsact(ctx context.Context, op string, l link) error {
	qdiscs, err := c.ingressQdiscs(ctx, op)
	if err != nil {
		return err
	}
	q, ok := qdiscs[l.index]
	if !ok || q.kind != kindClsact || q.block != [2]uint32{} {
		return nil
	}
	t, err := c.table(ctx, op, l, q)
	if err != nil || !t.empty() {
		return err
	}
	chains, err := c.chains(ctx, op, l)
	if err != nil || chains > 0 {
		return err
	}
	err = c.write(ctx, func(t *gotc.Tc) error { return t.Qdisc().Delete(clsactObject(l.index)) })
	return explain(op, l.name, stageQdisc, err)
}

// chains counts the filter chains of a device. Without filters only those are
// left that somebody made by hand, with a template perhaps.
func (c *Client) chains(ctx context.Context, op string, l link) (int, error) {
	n := 0
	for _, d := range []Direction{Ingress, Egress} {
		msgs, err := c.conn.DumpAll(ctx, nl.Request{
			Op: op, Object: fmt.Sprintf("chains of %s %s", l.name, d),
			Type: uapi.RTM_GETCHAIN,
			Data: tcmsg{ifindex: l.index, parent: d.parent()}.append(nil),
		})
		if errors.Is(err, syscall.EOPNOTSUPP) {
			return 0, nil // a kernel before 4.19 has no chains to make by hand
		}
		if err != nil {
			return 0, err
		}
		for _, m := range msgs {
			if m.Header.Type == uapi.RTM_NEWCHAIN {
				n++
			}
		}
	}
	return n, nil
}
