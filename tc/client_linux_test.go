// SPDX-License-Identifier: Apache-2.0

package tc_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	gotc "github.com/florianl/go-tc"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/tc"
)

// newClient works in a namespace of its own, where lo is the device. A system
// without the kernel modules or the privilege skips.
func newClient(t *testing.T) (*tc.Client, *nl.NetNS) {
	t.Helper()
	ns, err := nl.NewNetNS()
	if errors.Is(err, syscall.EPERM) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	c, err := tc.Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, ns
}

// add is AddSample where it has to work, and a skip where the kernel cannot.
func add(t *testing.T, c *tc.Client, f tc.SampleFilter) tc.SampleFilter {
	t.Helper()
	got, err := c.AddSample(t.Context(), f)
	if errors.Is(err, nl.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// qdiscs lists the disciplines of the namespace other than the default one.
func qdiscs(t *testing.T, ns *nl.NetNS) []string {
	t.Helper()
	conn, err := nl.Dial(unix.NETLINK_ROUTE, ns)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	msgs, err := conn.DumpAll(t.Context(), nl.Request{Op: "list", Type: uapi.RTM_GETQDISC, Data: make([]byte, 20)})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range msgs {
		for a, err := range nl.Attrs(m.Data[20:]) {
			if err != nil {
				t.Fatal(err)
			}
			if a.Type == uapi.TCA_KIND && a.String() != "noqueue" {
				out = append(out, fmt.Sprintf("%d %s", binary.NativeEndian.Uint32(m.Data[4:]), a.String()))
			}
		}
	}
	return out
}

// foreign makes things by go-tc alone, as another program would.
func foreign(t *testing.T, ns *nl.NetNS, fn func(*gotc.Tc) error) {
	t.Helper()
	g, err := gotc.Open(&gotc.Config{NetNS: ns.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	if err := fn(g); err != nil {
		t.Fatal(err)
	}
}

func TestAddListDelete(t *testing.T) {
	c, ns := newClient(t)
	want := tc.SampleFilter{
		Dev: "lo", IfIndex: 1, Direction: tc.Egress, Pref: tc.PrefFirst, Handle: tc.Handle(tc.HandleBase | tc.HandleOwnsClsact),
		Rate: 7, Group: 1<<32 - 1, Trunc: 99, Truncated: true, Cookie: []byte{0xc0, 0xff, 0xee},
		ControlAction: "continue", Owned: true,
	}
	got := add(t, c, tc.SampleFilter{Dev: "lo", Direction: tc.Egress, Rate: 7, Group: 1<<32 - 1, Trunc: 99, Cookie: []byte{0xc0, 0xff, 0xee}})
	if got.ActionIndex == 0 {
		t.Error("no action index")
	}
	want.ActionIndex = got.ActionIndex
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	for _, dev := range []string{"", "lo"} {
		list, err := c.Samples(t.Context(), dev)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]tc.SampleFilter{want}, list); diff != "" {
			t.Errorf("list %q (-want +got):\n%s", dev, diff)
		}
	}
	if _, err := c.AddSample(t.Context(), got); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("second add: got %v, want EEXIST", err)
	}
	if err := c.DelSample(t.Context(), tc.SampleFilter{Dev: "lo", Group: 1<<32 - 1}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("delete on the other side: got %v, want ENOENT", err)
	}
	if err := c.DelSample(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if left := qdiscs(t, ns); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if err := c.DelSample(t.Context(), got); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("second delete: got %v, want ENOENT", err)
	}
}

func TestUnknownDevice(t *testing.T) {
	c, ns := newClient(t)
	for _, f := range []tc.SampleFilter{
		{Dev: "nope", Rate: 1}, {IfIndex: 4711, Rate: 1}, {Dev: "a/b", Rate: 1},
		{Dev: "a-name-that-only-an-alternative-name-could-be", Rate: 1},
	} {
		if _, err := c.AddSample(t.Context(), f); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("%+v: got %v, want ENODEV", f, err)
		}
	}
	if _, err := c.Samples(t.Context(), "nope"); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("list: got %v, want ENODEV", err)
	}
	if left := qdiscs(t, ns); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestFailedAddLeavesNothing: the clsact made for a filter which the kernel
// then refuses goes again. It needs a kernel that has clsact but lacks matchall
// or act_sample.
func TestFailedAddLeavesNothing(t *testing.T) {
	c, ns := newClient(t)
	if _, err := c.AddSample(t.Context(), tc.SampleFilter{Dev: "lo", Rate: 1, Group: 1}); err == nil {
		t.Skip("this kernel takes the filter")
	}
	if left := qdiscs(t, ns); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestCancelledAddLeavesNothing(t *testing.T) {
	c, ns := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.AddSample(ctx, tc.SampleFilter{Dev: "lo", Rate: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if left := qdiscs(t, ns); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestClsactOfOthersStays: neither a clsact that was there before, nor one that
// somebody else uses by now, is removed.
func TestClsactOfOthersStays(t *testing.T) {
	clsact := func() *gotc.Object {
		return &gotc.Object{
			Msg:       gotc.Msg{Ifindex: 1, Handle: 0xffff0000, Parent: gotc.HandleIngress},
			Attribute: gotc.Attribute{Kind: "clsact"},
		}
	}
	t.Run("made before", func(t *testing.T) {
		c, ns := newClient(t)
		foreign(t, ns, func(g *gotc.Tc) error { return g.Qdisc().Add(clsact()) })
		f := add(t, c, tc.SampleFilter{Dev: "lo", Rate: 1})
		if err := c.DelSample(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"1 clsact"}, qdiscs(t, ns)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("used by now", func(t *testing.T) {
		c, ns := newClient(t)
		f := add(t, c, tc.SampleFilter{Dev: "lo", Rate: 1})
		foreign(t, ns, func(g *gotc.Tc) error {
			rate, group := uint32(5), uint32(6)
			return g.Filter().Add(&gotc.Object{
				Msg: gotc.Msg{Ifindex: 1, Handle: 1, Parent: 0xfffffff3, Info: 5<<16 | uint32(binary.NativeEndian.Uint16([]byte{0, 3}))},
				Attribute: gotc.Attribute{Kind: "matchall", Matchall: &gotc.Matchall{Actions: &[]*gotc.Action{
					{Kind: "sample", Sample: &gotc.Sample{Parms: &gotc.SampleParms{Action: 3}, Rate: &rate, SampleGroup: &group}},
				}}},
			})
		})
		if err := c.DelSample(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		list, err := c.Samples(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || list[0].Owned || list[0].Group != 6 || list[0].ControlAction != "pipe" {
			t.Errorf("the other filter: got %+v", list)
		}
		if err := c.DelSample(t.Context(), list[0]); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("delete it: got %v, want ENOENT", err)
		}
	})
}

// TestManyAtOnce: concurrent additions get preferences of their own, none is
// missing from the list (the kernel's dump loses some at the seams between its
// messages), and the clsact goes with the last one.
func TestManyAtOnce(t *testing.T) {
	const n = 60
	c, ns := newClient(t)
	add(t, c, tc.SampleFilter{Dev: "lo", Rate: 1, Group: 0})
	var wg sync.WaitGroup
	for g := uint32(1); g < n; g++ {
		wg.Go(func() {
			if _, err := c.AddSample(t.Context(), tc.SampleFilter{Dev: "lo", Rate: 1, Group: g}); err != nil {
				t.Errorf("group %d: %v", g, err)
			}
		})
	}
	wg.Wait()
	list, err := c.Samples(t.Context(), "lo")
	if err != nil {
		t.Fatal(err)
	}
	groups := map[uint32]bool{}
	for _, f := range list {
		groups[f.Group] = true
	}
	if len(list) != n || len(groups) != n {
		t.Errorf("%d filters with %d groups, want %d", len(list), len(groups), n)
	}
	for _, f := range list {
		wg.Go(func() {
			if err := c.DelSample(t.Context(), f); err != nil {
				t.Errorf("group %d: %v", f.Group, err)
			}
		})
	}
	wg.Wait()
	if left := qdiscs(t, ns); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
