// SPDX-License-Identifier: Apache-2.0

package nltest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/nltest"
)

const route = 0 // NETLINK_ROUTE

func request(data byte) nl.Request {
	return nl.Request{Op: "ask", Object: "the kernel", Type: 18, Data: []byte{data, 0, 0, 0}}
}

func TestKernel(t *testing.T) {
	k := nltest.New(func(r nltest.Request) []netlink.Message {
		switch r.Message.Data[0] {
		case 1:
			return []netlink.Message{{Header: netlink.Header{Type: 16}, Data: []byte("answer")}, nltest.Ack(0, "", 0)}
		case 2:
			part := netlink.Message{Header: netlink.Header{Type: 16, Flags: netlink.Multi}, Data: []byte("part")}
			return []netlink.Message{part, part, nltest.Done()}
		}
		return []netlink.Message{nltest.Ack(syscall.EPERM, "no", 0)}
	})
	c, err := nl.Dial(route, k.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ms, err := c.Execute(t.Context(), request(1))
	if err != nil || len(ms) != 1 || string(ms[0].Data) != "answer" {
		t.Errorf("got %v, %v", ms, err)
	}
	if ms, err = c.DumpAll(t.Context(), request(2)); err != nil || len(ms) != 2 {
		t.Errorf("got %v, %v", ms, err)
	}
	n := 0
	for b, err := range c.Stream(t.Context(), request(2)) {
		if err != nil || string(b) != "part" {
			t.Errorf("got %q, %v", b, err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d parts", n)
	}
	if _, err = c.Execute(t.Context(), request(3)); !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "no") {
		t.Errorf("got %v", err)
	}
	if n := len(k.Requests()); n != 4 {
		t.Errorf("%d requests", n)
	}
	if err := k.NetNS().Do(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// A socket that waits ends with its deadline, and when it is closed.
func TestWaiting(t *testing.T) {
	k := nltest.New(func(nltest.Request) []netlink.Message { return nil })
	c, err := nl.Dial(route, k.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.DumpAll(ctx, request(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := c.Execute(context.Background(), request(1))
		done <- err
	}()
	for len(k.Requests()) < 2 {
		time.Sleep(time.Millisecond)
	}
	c.Close()
	if err := <-done; err == nil {
		t.Error("a closed socket answered")
	}
}

// What a recorder notes, replay answers.
func TestRecordAndReplay(t *testing.T) {
	r := nltest.Record(nil)
	c, err := nl.Dial(route, r.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	link := nl.Request{Op: "get link", Type: syscall.RTM_GETLINK, Data: append([]byte{0, 0, 0, 0, 1}, make([]byte, 11)...)}
	want, err := c.Execute(t.Context(), link)
	if err != nil || len(want) != 1 {
		t.Fatalf("loopback: %v, %v", want, err)
	}
	var notes bytes.Buffer
	if _, err := r.WriteTo(&notes); err != nil {
		t.Fatal(err)
	}
	h, err := nltest.Replay(&notes)
	if err != nil {
		t.Fatal(err)
	}
	again, err := nl.Dial(route, nltest.New(h).NetNS())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for range 2 {
		got, err := again.Execute(t.Context(), link)
		if err != nil || len(got) != 1 || !bytes.Equal(got[0].Data, want[0].Data) {
			t.Errorf("got %v, %v", got, err)
		}
	}
	link.Data[4] = 2
	if _, err := again.Execute(t.Context(), link); !errors.Is(err, syscall.ENOSYS) || !strings.Contains(err.Error(), "not recorded: > 0 18") {
		t.Errorf("got %v", err)
	}
}

func TestReplayErrors(t *testing.T) {
	for notes, want := range map[string]string{
		"< 0 1 0 00":          "line 1: an answer before the first request",
		"# x\n\n> 0 1 0 0":    "line 3: encoding/hex: odd length hex string",
		"? 0 1 0 00":          "line 1: want > or <",
		"> 0 1 0 00 00":       "line 1: want > or <",
		"> 999 1 0 00":        "line 1: strconv.ParseUint: parsing \"999\"",
		"> 0 99999 0 00":      "line 1: strconv.ParseUint",
		"> 0 1 0x10000 00":    "line 1: strconv.ParseUint",
		"> 0 1 0\n< 0 2 0 zz": "line 2: encoding/hex: invalid byte",
	} {
		if _, err := nltest.Replay(strings.NewReader(notes)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", notes, err, want)
		}
	}
}

func FuzzReplay(f *testing.F) {
	f.Add("> 0 18 0x5 00000000\n< 0 16 0 01\n< 0 2 0x100 00000000")
	f.Add("# nothing")
	f.Fuzz(func(_ *testing.T, notes string) {
		h, err := nltest.Replay(strings.NewReader(notes))
		if err == nil {
			h(nltest.Request{})
		}
	})
}
