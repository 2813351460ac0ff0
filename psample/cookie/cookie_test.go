// SPDX-License-Identifier: Apache-2.0

package cookie

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDecode(t *testing.T) {
	eight := []byte{0, 0, 0, 100, 0xff, 0, 0, 2}
	fields := []Field{{Name: "obs_domain_id", Num: 100}, {Name: "obs_point_id", Num: 0xff000002}}
	for _, tt := range []struct {
		decoder string
		cookie  []byte
		ok      bool
		want    Decoded
	}{
		{"raw", eight, false, Decoded{Decoder: "raw"}},
		{"ovs", eight, true, Decoded{Decoder: "ovs", Fields: fields}},
		{"ovs", []byte{}, true, Decoded{Decoder: "ovs", Problem: "an Open vSwitch cookie has 8 bytes, this one has 0"}},
		{"ovs", make([]byte, 16), true, Decoded{Decoder: "ovs", Problem: "an Open vSwitch cookie has 8 bytes, this one has 16"}},
		{"auto", eight, true, Decoded{Decoder: "ovs", Guess: true, Fields: fields}},
		{"auto", []byte{1, 2, 3}, false, Decoded{}},
		{"auto", nil, false, Decoded{}},
	} {
		d, err := Lookup(tt.decoder)
		if err != nil {
			t.Fatal(err)
		}
		// What an earlier cookie left must not show.
		got := Decoded{Decoder: "old", Guess: true, Problem: "old", Fields: []Field{{Name: "old"}}}
		if ok := d.Decode(tt.cookie, &got); ok != tt.ok {
			t.Errorf("%s of %x: %v", tt.decoder, tt.cookie, ok)
		}
		if d := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s of %x: %s", tt.decoder, tt.cookie, d)
		}
	}
}

func TestRegistry(t *testing.T) {
	if got := Names(); !slices.Equal(got, []string{"auto", "ovs", "raw"}) {
		t.Errorf("names %v", got)
	}
	if _, err := Lookup("ipfix"); err == nil || !strings.Contains(err.Error(), "auto, ovs, raw") {
		t.Errorf("error %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a name was given twice")
		}
	}()
	Register(OVS)
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	c := make([]byte, 8)
	var d Decoded
	Auto.Decode(c, &d)
	if n := testing.AllocsPerRun(100, func() { Auto.Decode(c, &d) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("12345678"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, c []byte) {
		for _, name := range Names() {
			d, _ := Lookup(name)
			var got Decoded
			if ok := d.Decode(c, &got); ok && got.Problem == "" && len(got.Fields) == 0 {
				t.Errorf("%s says yes and nothing else", name)
			}
		}
	})
}
