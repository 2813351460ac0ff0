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

// addTries bounds how often AddSample starts over because somebody else took
// the preference it chose or made a clsact at the same moment.
const addTries = 20

// AddSample installs a sample action and returns the filter as the kernel has
// it. It makes a clsact where the device has none. When anything fails, nothing
// of it stays. It does not test whether the kernel passes Cookie on to psample.
//
// Errors match syscall.ENODEV for an unknown device, syscall.EEXIST when this
// package already samples that side of the device into that group or when the
// wanted preference is taken, syscall.EPERM without CAP_NET_ADMIN, and
// nl.ErrUnsupported when a kernel module is missing.
func (c *Client) AddSample(ctx context.Context, f SampleFilter) (SampleFilter, error) {
	if err := f.Validate(); err != nil {
		return SampleFilter{}, fmt.Errorf("%s %s: %w", opAdd, f.name(), err)
	}
	l, err := c.link(ctx, opAdd, f)
	if err != nil {
		return SampleFilter{}, err
	}
	f.Dev, f.IfIndex = l.name, l.index
	defer c.lock(ctx)()
	for range addTries {
		var again bool
		var got SampleFilter
		if got, again, err = c.tryAdd(ctx, l, f); !again {
			return got, err
		}
	}
	return SampleFilter{}, err
}

// tryAdd is one attempt; again tells that another one has a chance.
func (c *Client) tryAdd(ctx context.Context, l link, f SampleFilter) (got SampleFilter, again bool, err error) {
	q, created, again, err := c.needQdisc(ctx, l, f)
	if err != nil {
		return SampleFilter{}, again, err
	}
	if created {
		defer func() {
			if err != nil {
				undo, cancel := cleanup(ctx)
				defer cancel()
				err = both(err, c.dropClsact(undo, opUndo, l))
			}
		}()
	}
	t, err := c.table(ctx, opAdd, l, q)
	if err != nil {
		return SampleFilter{}, false, err
	}
	chosen := f.Pref != 0
	if f, err = t.place(f, created); err != nil {
		return SampleFilter{}, false, err
	}
	err = c.write(ctx, func(w *gotc.Tc) error { return w.Filter().Add(filterObject(f)) })
	if err != nil {
		again = !chosen && errors.Is(err, syscall.EEXIST)
		unsure := !refused(err)
		if err = explain(opAdd, f.name(), stageFilter, err); unsure {
			err = both(err, c.withdraw(ctx, l, f))
		}
		return SampleFilter{}, again, err
	}
	if got, err = c.find(ctx, l, f); err != nil {
		undo, cancel := cleanup(ctx)
		defer cancel()
		return SampleFilter{}, false, both(err, c.remove(undo, opUndo, f))
	}
	return got, false, nil
}

// needQdisc makes sure that there is something to hang the filter on.
func (c *Client) needQdisc(ctx context.Context, l link, f SampleFilter) (q qdisc, created, again bool, err error) {
	qdiscs, err := c.ingressQdiscs(ctx, opAdd)
	if err != nil {
		return qdisc{}, false, false, err
	}
	q, ok := qdiscs[l.index]
	switch {
	case !ok:
		if err := c.addClsact(ctx, l.index); err != nil {
			again := errors.Is(err, syscall.EEXIST)
			err = explain(opAdd, f.name(), stageQdisc, err)
			if ctx.Err() != nil {
				// Cut off before the answer: it may be there.
				undo, cancel := cleanup(ctx)
				defer cancel()
				err = both(err, c.dropClsact(undo, opUndo, l))
			}
			return qdisc{}, false, again, err
		}
		return qdisc{kind: kindClsact}, true, false, nil
	case q.kind != kindClsact && f.Direction == Egress:
		// The kernel would take the filter and hang it on the ingress side.
		return q, false, false, &nl.Error{
			Op: opAdd, Object: f.name(),
			Err:  refusef(syscall.EEXIST, "the device has an %q queueing discipline, which has no egress side", q.kind),
			Hint: fmt.Sprintf("replace it: tc qdisc del dev %s ingress", l.name),
		}
	case q.block[f.Direction] != 0:
		return q, false, false, &nl.Error{
			Op: opAdd, Object: f.name(),
			Err:  refusef(syscall.EBUSY, "this side of the device takes its filters from shared block %d", q.block[f.Direction]),
			Hint: fmt.Sprintf("add the action to the block: tc filter add block %d matchall action sample ...", q.block[f.Direction]),
		}
	}
	return q, false, false, nil
}

// filterObject is what go-tc sends for a filter.
func filterObject(f SampleFilter) *gotc.Object {
	// The kernel's -1 in an unsigned field.
	control := int32(uapi.TC_ACT_UNSPEC)
	s := &gotc.Sample{
		Parms:       &gotc.SampleParms{Action: uint32(control)},
		Rate:        &f.Rate,
		SampleGroup: &f.Group,
	}
	if f.Trunc > 0 {
		s.TruncSize = &f.Trunc
	}
	a := &gotc.Action{Kind: kindSample, Sample: s}
	if len(f.Cookie) > 0 {
		cookie := []byte(f.Cookie)
		a.Cookie = &cookie
	}
	o := keyObject(f)
	o.Matchall = &gotc.Matchall{Actions: &[]*gotc.Action{a}}
	return o
}

// keyObject names a filter without its contents, which go-tc refuses to delete
// by.
func keyObject(f SampleFilter) *gotc.Object {
	return &gotc.Object{
		Msg: gotc.Msg{
			Ifindex: f.IfIndex,
			Handle:  uint32(f.Handle),
			Parent:  f.Direction.parent(),
			Info:    filterInfo(f.Pref),
		},
		Attribute: gotc.Attribute{Kind: kindMatchall},
	}
}

// find reads back one of our filters.
func (c *Client) find(ctx context.Context, l link, f SampleFilter) (SampleFilter, error) {
	t, err := c.table(ctx, opAdd, l, qdisc{kind: kindClsact})
	if err != nil {
		return SampleFilter{}, err
	}
	for _, s := range t.samples() {
		if s.Owned && s.Direction == f.Direction && s.Pref == f.Pref && s.Handle == f.Handle && s.Group == f.Group {
			return s, nil
		}
	}
	return SampleFilter{}, &nl.Error{Op: opAdd, Object: f.name(), Err: refusef(syscall.ENOENT, "the filter was removed again by somebody else")}
}

// withdraw removes a filter of which it is not known whether it was installed.
func (c *Client) withdraw(ctx context.Context, l link, f SampleFilter) error {
	undo, cancel := cleanup(ctx)
	defer cancel()
	s, err := c.find(undo, l, f)
	if err == nil {
		err = c.remove(undo, opUndo, s)
	}
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

// remove removes one filter that is known to be ours.
func (c *Client) remove(ctx context.Context, op string, f SampleFilter) error {
	err := c.write(ctx, func(t *gotc.Tc) error { return t.Filter().Delete(keyObject(f)) })
	return explain(op, f.name(), stageFilter, err)
}
