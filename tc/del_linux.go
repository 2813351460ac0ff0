// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"context"
	"syscall"

	"github.com/dpscope/dpscope/nl"
)

// DelSample removes one of this package's filters: the one on f's device and
// direction with f's group (and, when f.Pref is set, with that preference).
// What AddSample and Samples return can be passed as it is. With the last
// filter a clsact goes that AddSample made, if nobody else uses it.
//
// A filter that does not exist gives an error that matches syscall.ENOENT;
// filters of others are not looked at.
func (c *Client) DelSample(ctx context.Context, f SampleFilter) error {
	l, err := c.link(ctx, opDel, f)
	if err != nil {
		return err
	}
	f.Dev, f.IfIndex = l.name, l.index
	defer c.lock(ctx)()
	s, err := c.owned(ctx, l, f)
	if err != nil {
		return err
	}
	if err := c.remove(ctx, opDel, s); err != nil {
		return err
	}
	if uint32(s.Handle)&HandleOwnsClsact == 0 {
		return nil
	}
	return c.dropClsact(ctx, opDel, l)
}

// owned finds the filter DelSample is to remove.
func (c *Client) owned(ctx context.Context, l link, f SampleFilter) (SampleFilter, error) {
	qdiscs, err := c.ingressQdiscs(ctx, opDel)
	if err != nil {
		return SampleFilter{}, err
	}
	if q, ok := qdiscs[l.index]; ok {
		t, err := c.table(ctx, opDel, l, q)
		if err != nil {
			return SampleFilter{}, err
		}
		for _, s := range t.samples() {
			if s.Owned && s.Direction == f.Direction && s.Group == f.Group && (f.Pref == 0 || f.Pref == s.Pref) {
				return s, nil
			}
		}
	}
	return SampleFilter{}, &nl.Error{
		Op: opDel, Object: f.name(),
		Err: refusef(syscall.ENOENT, "no sample filter of ours with group %d", f.Group),
	}
}
