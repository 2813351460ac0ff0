// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"context"
	"iter"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Filters yields the filters of any kind on one side of a device, as the kernel
// hands them out. A device without a queueing discipline for filters has none.
// An error is the last thing yielded. The Client is busy until the loop ends.
func (c *Client) Filters(ctx context.Context, ifindex uint32, d Direction) iter.Seq2[Filter, error] {
	return func(yield func(Filter, error) bool) {
		const op = "list filters"
		object := SampleFilter{IfIndex: ifindex, Direction: d}.name()
		for m, err := range c.conn.Dump(ctx, nl.Request{
			Op: op, Object: object,
			Type:    uapi.RTM_GETTFILTER,
			Data:    tcmsg{ifindex: ifindex, parent: d.parent()}.append(nil),
			AttrsAt: tcmsgLen,
		}) {
			var f Filter
			if err == nil {
				if m.Header.Type != uapi.RTM_NEWTFILTER {
					continue
				}
				if f, err = DecodeFilter(m.Data); err != nil {
					err = &nl.Error{Op: op, Object: object, Err: err}
				}
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}
