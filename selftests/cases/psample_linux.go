// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"bytes"

	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// psampleCases are about psample itself; tc's sample action feeds it.
func psampleCases() []selftests.Case {
	base := []selftests.Feature{Psample, TCSample}
	withCookie := append(base[:2:2], SampleCookie)
	return []selftests.Case{
		{
			Name: "psample-no-listener", Needs: base, MayNeed: []selftests.Feature{SampleCookie},
			Doc: "packets sampled while nobody listens harm nothing and, where psample then does no work, do not count",
			Run: noListener,
		},
		{
			Name: "psample-foreign-netns", Needs: base,
			Doc: "a listener in another network namespace gets nothing while the own one gets all",
			Run: foreignNetNS,
		},
		{
			Name: "psample-padding", Needs: withCookie,
			Doc: "the padding behind the packet data is zero and leaks no kernel memory",
			Run: padding,
		},
		{
			Name: "psample-cookie-padding", Needs: withCookie,
			Doc: "the padding behind cookies of every length is zero",
			Run: cookiePadding,
		},
	}
}

func noListener(t *selftests.T) {
	const before, unheard = 3, 5
	l := newLink(t, 1, topo.Ingress)
	topo.AddTCSample(t, l.v, topo.Ingress, topo.TCSample{Rate: 1, Group: 1})
	frame := l.frame(100)
	samples := topo.NewListener(t, t.NS())
	l.out.Send(frame, before)
	w := l.want(1, frame)
	w.checkAll(t, "heard", samples.Expect(before), true)
	samples.Close()

	l.out.Send(frame, unheard)

	samples = topo.NewListener(t, t.NS())
	l.out.Send(frame, 1)
	w.seq = before
	if !t.Has(SampleCookie) {
		w.seq += unheard // such kernels build every message
	}
	w.checkAll(t, "heard again", samples.Expect(1), true)
	l.in.Expect(before+unheard+1, frame)
}

func foreignNetNS(t *selftests.T) {
	const n = 20
	foreign := topo.NewListener(t, topo.NewNS(t))
	own := topo.NewListener(t, t.NS())
	l := newLink(t, 1, topo.Ingress)
	topo.AddTCSample(t, l.v, topo.Ingress, topo.TCSample{Rate: 1, Group: 1})
	frame := l.frame(100)
	l.out.Send(frame, n)
	l.want(1, frame).checkAll(t, "own namespace", own.Expect(n), true)
	if got := foreign.Take(0); len(got) > 0 {
		t.Errorf("a listener in another namespace got %d samples", len(got))
	}

	// With the foreign listener alone nothing arrives anywhere.
	own.Close()
	l.out.Send(frame, n)
	if got := foreign.Take(0); len(got) > 0 {
		t.Errorf("a listener in another namespace got %d samples when it was the only one", len(got))
	}
	l.in.Expect(2*n, frame)
}

// padding looks at the bytes the netlink alignment puts behind the packet
// data. Frames without a zero byte in their payload come first, so that memory
// used before is not zero by chance.
func padding(t *selftests.T) {
	l := newLink(t, 1, topo.Ingress)
	topo.AddTCSample(t, l.v, topo.Ingress, topo.TCSample{Rate: 1, Group: 1})
	samples := topo.NewListener(t, t.NS())
	const (
		rounds = 10
		burst  = 8
	)
	lengths := []int{200, 201, 202, 203}
	for range rounds {
		for _, n := range lengths {
			l.out.Send(l.frame(n), burst)
		}
		for i, s := range samples.Expect(burst * len(lengths)) {
			checkPadding(t, s, lengths[i/burst])
		}
	}
}

func checkPadding(t *selftests.T, s topo.Sample, n int) {
	pad := s.Padding(t)
	if want := -n & 3; len(pad) != want {
		t.Errorf("%d bytes of data are followed by %d of padding, want %d", n, len(pad), want)
	}
	for _, b := range pad {
		if b != 0 {
			t.Fatalf("the padding behind %d bytes of data is %x: kernel memory leaks", n, pad)
		}
	}
}

func cookiePadding(t *selftests.T) {
	l := newLink(t, 1, topo.Ingress)
	action := topo.TCSample{Index: 1, Rate: 1, Group: 1}
	topo.AddTCSample(t, l.v, topo.Ingress, action)
	replacer := topo.NewReplacer(t, t.NS())
	samples := topo.NewListener(t, t.NS())
	for n := 1; n <= len(cookie16); n++ {
		action.Cookie = cookie16[len(cookie16)-n:]
		t.Must(replacer.Replace(t.Context(), action))
		frame := l.frame(60 + n)
		l.out.Send(frame, 4)
		for _, s := range samples.Expect(4) {
			if !bytes.Equal(s.Cookie, action.Cookie) {
				t.Errorf("cookie %x, want %x", s.Cookie, action.Cookie)
			}
			checkPadding(t, s, len(frame))
			checkAttrPadding(t, s)
		}
	}
}

// checkAttrPadding tests the padding behind every attribute.
func checkAttrPadding(t *selftests.T, s topo.Sample) {
	attrs := s.Attrs(t)
	at := topo.SampleHeaders
	for _, a := range attrs {
		end := at + 4 + len(a.Data)
		at = (end + 3) &^ 3
		for _, b := range s.Raw[end:min(at, len(s.Raw))] {
			if b != 0 {
				t.Fatalf("the padding behind attribute %d is not zero: %x", a.Type, s.Raw[end:at])
			}
		}
	}
}
