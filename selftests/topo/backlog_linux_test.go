// SPDX-License-Identifier: Apache-2.0

package topo

import "testing"

func TestWaiting(t *testing.T) {
	const (
		cpu0 = "0000a1b2 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n"
		cpu3 = "0000a1b2 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 000003e8 00000003 000003e7 00000001\n"
		old  = "0000a1b2 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n"
	)
	for _, tt := range []struct {
		text string
		cpu  uint64
		want uint64
	}{
		{cpu0 + cpu3, 3, 1000},
		{cpu0 + cpu3, 0, 0},
		{cpu0 + cpu3, 1, 0},
		{old, 0, 0},
		{"", 0, 0},
		{"x y\n", 0, 0},
	} {
		if got := waiting(tt.text, tt.cpu); got != tt.want {
			t.Errorf("CPU %d: %d, want %d of\n%s", tt.cpu, got, tt.want, tt.text)
		}
	}
}

func FuzzWaiting(f *testing.F) {
	f.Add("1 2 3 4 5 6 7 8 9 a b c 0\n", uint64(0))
	f.Fuzz(func(_ *testing.T, text string, cpu uint64) { waiting(text, cpu) })
}
