// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func collect(t *testing.T, b []byte) []Attr {
	t.Helper()
	var out []Attr
	for a, err := range Attrs(b) {
		if err != nil {
			t.Fatalf("walk: %v", err)
		}
		out = append(out, a)
	}
	return out
}

func TestAttrsReadBackWhatAppendWrote(t *testing.T) {
	b := AppendUint8(nil, 1, 7)
	b = AppendUint16(b, 2, 0x1234)
	b = AppendUint32(b, 3, 0xdeadbeef)
	b = AppendUint64(b, 4, 1<<40)
	b = AppendString(b, 5, "veth0")
	b = AppendFlag(b, 6)
	b = AppendAttr(b, 7|NetByteOrderFlag, []byte{1, 2, 3})
	b, err := AppendNested(b, 8, func(b []byte) ([]byte, error) { return AppendUint32(b, 1, 42), nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(b)%4 != 0 {
		t.Errorf("length %d is not aligned", len(b))
	}
	attrs := collect(t, b)
	if len(attrs) != 8 {
		t.Fatalf("got %d attributes, want 8", len(attrs))
	}
	if v, ok := attrs[0].Uint8(); !ok || v != 7 {
		t.Errorf("u8 = %d, %v", v, ok)
	}
	if v, ok := attrs[1].Uint16(); !ok || v != 0x1234 {
		t.Errorf("u16 = %#x, %v", v, ok)
	}
	if v, ok := attrs[2].Uint32(); !ok || v != 0xdeadbeef {
		t.Errorf("u32 = %#x, %v", v, ok)
	}
	if v, ok := attrs[3].Uint64(); !ok || v != 1<<40 {
		t.Errorf("u64 = %#x, %v", v, ok)
	}
	if _, ok := attrs[3].Uint32(); ok {
		t.Error("an 8-byte payload was taken for a u32")
	}
	if s := attrs[4].String(); s != "veth0" {
		t.Errorf("string = %q", s)
	}
	if len(attrs[5].Data) != 0 {
		t.Errorf("flag carries %d bytes", len(attrs[5].Data))
	}
	if a := attrs[6]; !a.NetByteOrder || a.Type != 7 || !bytes.Equal(a.Data, []byte{1, 2, 3}) {
		t.Errorf("big-endian attribute = %+v", a)
	}
	if a := attrs[7]; !a.Nested || a.Type != 8 {
		t.Errorf("nest = %+v", a)
	}
	if v, ok := collect(t, attrs[7].Data)[0].Uint32(); !ok || v != 42 {
		t.Errorf("inner u32 = %d, %v", v, ok)
	}
}

func TestAttrsHostile(t *testing.T) {
	good := AppendUint32(nil, 3, 1)
	for _, tt := range []struct {
		name string
		b    []byte
		n    int
		bad  string
	}{
		{name: "empty"},
		{name: "three trailing bytes are padding", b: append(bytes.Clone(good), 0, 0, 0), n: 1},
		{name: "length below the header", b: []byte{3, 0, 1, 0}, bad: "length 3"},
		{name: "length zero", b: []byte{0, 0, 1, 0}, bad: "length 0"},
		{name: "past the end", b: []byte{9, 0, 1, 0, 1, 2, 3, 4}, bad: "does not fit the 8 bytes left"},
		{name: "good, then past the end", b: append(bytes.Clone(good), 0xff, 0xff, 2, 0), n: 1, bad: "attribute 2 at offset 8"},
		{name: "unpadded last one", b: []byte{5, 0, 1, 0, 9}, n: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, bad := 0, ""
			for _, err := range Attrs(tt.b) {
				if err != nil {
					bad = err.Error()
					continue
				}
				n++
			}
			if n != tt.n || !strings.Contains(bad, tt.bad) || (tt.bad == "") != (bad == "") {
				t.Errorf("got %d attributes and error %q, want %d and %q", n, bad, tt.n, tt.bad)
			}
		})
	}
}

func TestAppendNestedRefusesOverflow(t *testing.T) {
	_, err := AppendNested(nil, 1, func(b []byte) ([]byte, error) {
		for range 3 {
			b = AppendAttr(b, 2, make([]byte, 30000))
		}
		return b, nil
	})
	if err == nil {
		t.Fatal("a nest of 90 kB was accepted")
	}
}

func TestAttrPath(t *testing.T) {
	spec := &AttrSpec{
		Names: map[uint16]string{1: "KEY", 3: "ACTIONS"},
		Nests: map[uint16]*AttrSpec{3: {
			Names: map[uint16]string{25: "PSAMPLE"},
			Nests: map[uint16]*AttrSpec{25: {Names: map[uint16]string{2: "COOKIE"}}},
		}},
	}
	b := AppendUint32(nil, 1, 0)
	b, err := AppendNested(b, 3, func(b []byte) ([]byte, error) {
		b = AppendUint32(b, 13, 100)
		return AppendNested(b, 25, func(b []byte) ([]byte, error) {
			b = AppendUint32(b, 1, 7)
			return AppendAttr(b, 2, []byte("cookie")), nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	b = AppendUint32(b, 99, 1)
	got := map[int]string{}
	for off := -1; off <= len(b); off++ {
		got[off] = AttrPath(b, off, spec)
	}
	want := map[int]string{-1: "", 0: "KEY", 8: "ACTIONS", 12: "ACTIONS/attribute 13", 20: "ACTIONS/PSAMPLE", 24: "ACTIONS/PSAMPLE/attribute 1", 32: "ACTIONS/PSAMPLE/COOKIE", 44: "attribute 99", len(b): ""}
	for off, path := range want {
		if got[off] != path {
			t.Errorf("offset %d: %q, want %q", off, got[off], path)
		}
	}
	if p := AttrPath(b, 0, nil); p != "attribute 1" {
		t.Errorf("without a spec: %q", p)
	}
}

func FuzzAttrs(f *testing.F) {
	f.Add(AppendUint32(nil, 1, 2), 3)
	f.Add([]byte{9, 0, 1, 0, 1}, 0)
	f.Fuzz(func(t *testing.T, b []byte, off int) {
		var again []byte
		for a, err := range Attrs(b) {
			if err != nil {
				return
			}
			typ := a.Type
			if a.Nested {
				typ |= NestedFlag
			}
			if a.NetByteOrder {
				typ |= NetByteOrderFlag
			}
			again = AppendAttr(again, typ, a.Data)
		}
		var first, second []Attr
		for a := range Attrs(b) {
			first = append(first, a)
		}
		for a, err := range Attrs(again) {
			if err != nil {
				t.Fatalf("re-encoded list does not parse: %v", err)
			}
			second = append(second, a)
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Errorf("round trip changed the list:\n%s", d)
		}
		AttrPath(b, off, &AttrSpec{Nests: map[uint16]*AttrSpec{1: {}}})
	})
}
