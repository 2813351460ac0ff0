// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
)

// A Decoder says what the functions say, in whatever order and however often
// lists come; what it lists once it must not confuse with another.
func TestDecoder(t *testing.T) {
	var d odp.Decoder
	texts := []string{"drop", "1", "2", benchActions, "set(ipv4(src=10.1.0.7)),1", "trunc(100),psample(group=7,cookie=0xc0ffee)"}
	for i := range 600 { // more than it remembers
		texts = append(texts, fmt.Sprintf("set(ipv4(src=10.1.%d.%d)),%d", i>>8, i&255, i))
	}
	for round := range 4 {
		for i, text := range texts {
			as, err := odp.ParseActions(text, nil)
			if err != nil {
				t.Fatal(err)
			}
			wire, err := as.AppendNetlink(nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Actions(wire)
			if err != nil {
				t.Fatal(err)
			}
			want, err := odp.DecodeActions(append([]byte{}, wire...))
			if err != nil || len(want)+len(got) > 0 && !reflect.DeepEqual(want, got) {
				t.Fatalf("round %d, list %d: got %v, %v, want %v", round, i, got, err, want)
			}
			kept := got.Clone()
			for j := range wire {
				wire[j] = 0xee // what a receive buffer does
			}
			if len(want)+len(kept) > 0 && !reflect.DeepEqual(want, kept) {
				t.Fatalf("clone of %q is %v", text, kept)
			}
		}
	}
	for range 3 {
		if _, err := d.Actions([]byte{200, 0, 1, 0}); err == nil {
			t.Error("a list longer than its bytes was taken")
		}
	}
}

// A table's lists cost next to nothing once they are known.
func TestDecoderAllocations(t *testing.T) {
	_, m, err := odp.ParseFlow(benchFlow, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := m.AppendKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	mask, err := m.AppendMask(nil)
	if err != nil {
		t.Fatal(err)
	}
	as, err := odp.ParseActions(benchActions, nil)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := as.AppendNetlink(nil)
	if err != nil {
		t.Fatal(err)
	}
	var d odp.Decoder
	n := testing.AllocsPerRun(100, func() {
		if _, err := d.Match(key, mask); err != nil {
			t.Error(err)
		}
		if _, err := d.Actions(wire); err != nil {
			t.Error(err)
		}
	})
	if n > 0 {
		t.Errorf("%g allocations", n)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte{8, 0, 1, 0, 1, 0, 0, 0}, []byte{8, 0, 1, 0, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var d odp.Decoder
		for _, wire := range [][]byte{a, b, a, b, b, a} {
			got, err := d.Actions(wire)
			want, werr := odp.DecodeActions(wire)
			if (err == nil) != (werr == nil) || err == nil && got.String() != want.String() {
				t.Fatalf("%x: got %v, %v, want %v, %v", wire, got, err, want, werr)
			}
			if err == nil && got.Clone().String() != want.String() {
				t.Errorf("%x: the clone is %v", wire, got.Clone())
			}
		}
	})
}
