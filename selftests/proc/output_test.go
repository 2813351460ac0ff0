// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"strings"
	"testing"
)

func found(w *watch) bool {
	select {
	case <-w.found:
		return true
	default:
		return false
	}
}

func TestOutputIsBounded(t *testing.T) {
	o := output{half: 100}
	for i := range 10000 {
		fmt.Fprintf(&o, "line %d\n", i)
		if len(o.head) > 100 || len(o.tail) > 200 {
			t.Fatalf("%d and %d bytes are kept", len(o.head), len(o.tail))
		}
	}
	text := o.text()
	if !strings.HasPrefix(text, "line 0\nline 1\n") || !strings.HasSuffix(text, "line 9998\nline 9999\n") ||
		strings.Count(text, "too long to keep") != 1 || strings.Contains(text, "line 5000\n") {
		t.Errorf("%q", text)
	}
	// One write larger than all that is kept.
	o = output{half: 100}
	fmt.Fprint(&o, strings.Repeat("a", 100)+strings.Repeat("b", 1000)+strings.Repeat("c", 100))
	if text := o.text(); strings.Count(text, "a") < 100 || strings.Count(text, "c") != 100 || strings.Contains(text, "b") {
		t.Errorf("%q", text)
	}
	// What fits is kept to the byte.
	o = output{half: 100}
	for range 300 {
		fmt.Fprint(&o, "x")
	}
	if text := o.text(); text != strings.Repeat("x", 300) {
		t.Errorf("%q", text)
	}
}

// TestWatch finds a text however it is cut into writes, before and after it is
// waited for, and if it is not kept.
func TestWatch(t *testing.T) {
	const text = "abab!"
	for before := range len(text) + 1 {
		for size := 1; size <= len(text); size++ {
			o := output{half: 2}
			whole := "noise" + text[:len(text)-1] + text + "noise"
			fmt.Fprint(&o, whole[:before])
			w, never := o.watch(text), o.watch("abab?")
			for rest := whole[before:]; rest != ""; rest = rest[min(size, len(rest)):] {
				if found(w) {
					break
				}
				fmt.Fprint(&o, rest[:min(size, len(rest))])
			}
			if !found(w) || found(never) || len(o.watches) != 1 {
				t.Errorf("%d bytes before, then %d at a time: %v, %v, %d watch", before, size, found(w), found(never), len(o.watches))
			}
			o.unwatch(never)
			if len(o.watches) != 0 {
				t.Error("still watched")
			}
		}
	}
	var o output
	if !found(o.watch("")) || found(o.watch("x")) {
		t.Error("nothing was written")
	}
	fmt.Fprint(&o, "x")
	if !found(o.watch("x")) || len(o.watches) != 0 {
		t.Error("a text of one byte")
	}
}

func FuzzWatch(f *testing.F) {
	f.Add("noise abab!", "abab!", uint8(3), uint8(2))
	f.Add("", "x", uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, whole, text string, before, size uint8) {
		if len(whole) > 1000 || size == 0 {
			return
		}
		var o output
		n := min(int(before), len(whole))
		fmt.Fprint(&o, whole[:n])
		w := o.watch(text)
		for rest := whole[n:]; rest != ""; rest = rest[min(int(size), len(rest)):] {
			fmt.Fprint(&o, rest[:min(int(size), len(rest))])
		}
		if found(w) != strings.Contains(whole, text) {
			t.Errorf("%q in %q, %d bytes before, then %d at a time: %v", text, whole, before, size, found(w))
		}
	})
}
