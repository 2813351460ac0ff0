// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"bytes"
	"testing"
)

// TestTables holds every entry against its own sizes: parts lie inside, do not
// overlap and have names.
func TestTables(t *testing.T) {
	for name, table := range map[string]*Table{"key": Keys, "tunnel": Tunnel, "vxlan": vxlan, "nsh": NSH} {
		attrs := append([]Attr{table.Twin}, table.Attrs...)
		seen := map[string]bool{}
		for i, a := range attrs {
			if a.Name == "" {
				continue
			}
			if seen[a.Name] {
				t.Errorf("%s: two attributes are called %s", name, a.Name)
			}
			seen[a.Name] = true
			if typ, found, ok := table.Named(a.Name); !ok || found.Name != a.Name || i > 0 && int(typ) != i-1 {
				t.Errorf("%s: %s is found as %d, %v", name, a.Name, typ, ok)
			}
			if a.Const == "" && !a.Userspace {
				t.Errorf("%s: %s has no name in the kernel's header", name, a.Name)
			}
			checkParts(t, a)
		}
	}
}

func checkParts(t *testing.T, a Attr) {
	t.Helper()
	if a.Kind == Geneve {
		a.Size = GeneveHeader
	}
	taken := make([]byte, a.Size)
	for _, p := range a.Parts {
		one := make([]byte, a.Size)
		if p.Bits == 0 {
			copy(one[p.Off:], bytes.Repeat([]byte{0xff}, p.Size))
		} else {
			p.Put(one, p.Max())
			if got := p.Get(one); got != p.Max() {
				t.Errorf("%s: %s: %#x was put, %#x is got", a.Name, p.Name, p.Max(), got)
			}
		}
		for i := range one {
			if one[i]&taken[i] != 0 {
				t.Errorf("%s: %s overlaps another part", a.Name, p.Name)
			}
			taken[i] |= one[i]
		}
	}
}

func TestPart(t *testing.T) {
	b := make([]byte, 8)
	spi := NSH.Attrs[1].Part("spi")
	spi.Put(b, 0x123456)
	NSH.Attrs[1].Part("si").Put(b, 0xff)
	spi.Put(b, 0xabcdef)
	if want := []byte{0, 0, 0, 0, 0xab, 0xcd, 0xef, 0xff}; !bytes.Equal(b, want) {
		t.Errorf("got %x, want %x", b, want)
	}
	id := Tunnel.Attrs[0].Whole()
	id.Put(b, 1<<63+2)
	if got := id.Get(b); got != 1<<63+2 || b[0] != 0x80 {
		t.Errorf("got %#x from %x", got, b)
	}
	if id.Max() != 1<<64-1 {
		t.Errorf("eight bytes hold %#x", id.Max())
	}
}

func TestClean(t *testing.T) {
	arp := make([]byte, 24)
	a := Keys.Attr(13)
	if !a.Clean(arp) {
		t.Error("zero padding is not clean")
	}
	for i := range arp {
		arp[i] = 1
		if got, want := a.Clean(arp), i < 22; got != want {
			t.Errorf("byte %d set: clean is %v", i, got)
		}
		arp[i] = 0
	}
}

func TestGeneveFits(t *testing.T) {
	for _, tt := range []struct {
		b    []byte
		want bool
	}{
		{nil, true},
		{[]byte{0, 1, 2, 0}, true},
		{[]byte{0, 1, 2, 0xe0}, true},
		{[]byte{0, 1, 2, 1, 9, 9, 9, 9, 0, 1, 2, 0}, true},
		{[]byte{0, 1, 2}, false},
		{[]byte{0, 1, 2, 1, 9, 9, 9}, false},
		{[]byte{0, 1, 2, 0, 0}, false},
	} {
		if got := GeneveFits(tt.b); got != tt.want {
			t.Errorf("%x: %v", tt.b, got)
		}
	}
}
