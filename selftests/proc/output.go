// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// keptHalf is how much of an output's beginning and of its end is kept.
const keptHalf = 8 << 20

// output collects what a program writes, of a long one the beginning and the
// end, and tells who waits for a text in it.
type output struct {
	mu         sync.Mutex
	half       int // another size than keptHalf, for tests
	head, tail []byte
	lost       bool
	watches    []*watch
}

// watch is somebody who waits for a text. Every byte is looked at once, when it
// comes: also those that are not kept.
type watch struct {
	text  []byte
	last  []byte        // too short for the text, but its beginning may be in it
	found chan struct{} // closed when it has been written
}

// sees looks at more of the output.
func (w *watch) sees(p []byte) bool {
	seam := append(w.last, p[:min(len(p), len(w.text)-1)]...)
	if bytes.Contains(seam, w.text) || bytes.Contains(p, w.text) {
		close(w.found)
		return true
	}
	// Of a short p all is in the seam.
	if len(p) >= len(w.text)-1 {
		seam = p
	}
	w.last = slices.Clone(seam[max(0, len(seam)-len(w.text)+1):])
	return false
}

// Write never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watches = slices.DeleteFunc(o.watches, func(w *watch) bool { return w.sees(p) })
	half := o.half
	if half == 0 {
		half = keptHalf
	}
	room := min(len(p), half-len(o.head))
	o.head = append(o.head, p[:room]...)
	o.tail = append(o.tail, p[room:]...)
	// Not at every write: that would move all of it each time.
	if len(o.tail) > 2*half {
		o.tail = slices.Delete(o.tail, 0, len(o.tail)-half)
		o.lost = true
	}
	return len(p), nil
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept()
}

func (o *output) kept() string {
	middle := ""
	if o.lost {
		middle = "\n[a part of the output was too long to keep]\n"
	}
	return string(o.head) + middle + string(o.tail)
}

// watch waits for a text, which may be there already.
func (o *output) watch(text string) *watch {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := &watch{text: []byte(text), found: make(chan struct{})}
	switch {
	case text == "":
		close(w.found)
	case !w.sees([]byte(o.kept())):
		o.watches = append(o.watches, w)
	}
	return w
}

// unwatch is called when nobody waits any more.
func (o *output) unwatch(w *watch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watches = slices.DeleteFunc(o.watches, func(other *watch) bool { return other == w })
}

// tailLines are how many lines of a program's messages an error carries.
const tailLines = 10

// tail gives the last lines of a text, to stand behind an error.
func tail(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	return ": " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n\t")
}
