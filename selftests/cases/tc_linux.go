// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

var cookie16 = []byte{0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xa, 0xff}

// tcCases are the cases about tc's sample action; those where the side of the
// device matters come once for each.
func tcCases() []selftests.Case {
	base := []selftests.Feature{Psample, TCSample}
	withCookie := append(base[:2:2], SampleCookie)
	var out []selftests.Case
	for _, dir := range []topo.Direction{topo.Ingress, topo.Egress} {
		side := dir.String()
		out = append(out,
			selftests.Case{
				Name: "tc-sample-" + side, Needs: base,
				Doc: "every packet is sampled with the right metadata and without a cookie, and goes on unharmed",
				Run: func(t *selftests.T) { tcSample(t, dir) },
			},
			selftests.Case{
				Name: "tc-trunc-" + side, Needs: base,
				Doc: "trunc cuts the data and leaves the original size and the packet alone",
				Run: func(t *selftests.T) { tcTrunc(t, dir) },
			},
			selftests.Case{
				Name: "tc-sample-cookie-" + side, Needs: withCookie,
				Doc: "cookies of 1 and of 16 bytes arrive as they are",
				Run: func(t *selftests.T) { tcCookie(t, dir) },
			},
			selftests.Case{
				Name: "tc-cookie-replaced-live-" + side, Needs: withCookie,
				Doc: "while the cookie is replaced and removed under traffic every sample has the one of its time",
				Run: func(t *selftests.T) { tcCookieLive(t, dir) },
			},
		)
	}
	return append(out,
		selftests.Case{
			Name: "tc-rate", Needs: base,
			Doc: "one in four: the share is right, the rate is 4 and not marked as a probability, the sequence has no gaps",
			Run: tcRate,
		},
		selftests.Case{
			Name: "tc-cookie-changed", Needs: withCookie,
			Doc: "a cookie can be set, replaced, kept and taken away on a live action",
			Run: tcCookieChanged,
		},
		selftests.Case{
			Name: "tc-bad-input", Needs: base,
			Doc: "a rate of 0 and a cookie of 17 bytes are refused",
			Run: tcBadInput,
		},
	)
}

// link is a veth pair of which one end is sampled on one side.
type link struct {
	v, p topo.Dev // v is sampled
	dir  topo.Direction
	out  *topo.Sender
	in   *topo.Receiver
	dst  topo.Dev
}

// newLink makes a link whose traffic crosses the sampled side of v: for
// ingress it is sent by p, for egress by v.
func newLink(t *selftests.T, n byte, dir topo.Direction) link {
	v, p := topo.Veth(t, n, t.NS(), t.NS())
	topo.AddClsact(t, v)
	l := link{v: v, p: p, dir: dir}
	from := p
	l.dst = v
	if dir == topo.Egress {
		from, l.dst = v, p
	}
	l.out, l.in = topo.NewSender(t, from), topo.NewReceiver(t, l.dst)
	return l
}

func (l link) frame(n int) []byte {
	if l.dir == topo.Egress {
		return l.v.UDPTo(l.p, n)
	}
	return l.p.UDPTo(l.v, n)
}

// want is what samples of a frame say at least.
func (l link) want(group uint32, frame []byte) want {
	w := want{group: group, rate: 1, orig: len(frame), data: frame}
	if l.dir == topo.Egress {
		w.oif = l.v.Index
	} else {
		w.iif = l.v.Index
	}
	return w
}

func tcSample(t *selftests.T, dir topo.Direction) {
	l := newLink(t, 1, dir)
	for i, group := range []uint32{5, math.MaxUint32} {
		if i > 0 {
			l = newLink(t, 2, dir)
		}
		topo.AddTCSample(t, l.v, dir, topo.TCSample{Rate: 1, Group: group})
		samples := topo.NewListener(t, t.NS())
		frame := l.frame(100)
		l.out.Send(frame, 7)
		l.want(group, frame).checkAll(t, fmt.Sprintf("group %d", group), samples.Expect(7), true)
		l.in.Expect(7, frame)
	}
}

func tcTrunc(t *selftests.T, dir topo.Direction) {
	for i, trunc := range []uint32{1, 20, 99, 100, 101, 65535} {
		l := newLink(t, byte(i+1), dir)
		group := uint32(i)
		topo.AddTCSample(t, l.v, dir, topo.TCSample{Rate: 1, Group: group, Trunc: trunc})
		samples := topo.NewListener(t, t.NS())
		frame := l.frame(100)
		l.out.Send(frame, 2)
		w := l.want(group, frame)
		w.data = frame[:min(int(trunc), len(frame))]
		w.checkAll(t, fmt.Sprintf("trunc %d", trunc), samples.Expect(2), true)
		l.in.Expect(2, frame)
		samples.Close()
	}
}

func tcCookie(t *selftests.T, dir topo.Direction) {
	for i, cookie := range [][]byte{{0}, {0x7f}, cookie16} {
		l := newLink(t, byte(i+1), dir)
		topo.AddTCSample(t, l.v, dir, topo.TCSample{Rate: 1, Group: 9, Cookie: cookie})
		samples := topo.NewListener(t, t.NS())
		frame := l.frame(61)
		l.out.Send(frame, 3)
		w := l.want(9, frame)
		w.cookie = cookie
		w.checkAll(t, fmt.Sprintf("cookie %x", cookie), samples.Expect(3), true)
		l.in.Expect(3, frame)
		samples.Close()
		// The group goes with its last user and starts over with the next.
		l.v.Delete(t)
	}
}

// cookieOf is the cookie of a phase: its number, repeated so that a mixture of
// two cookies shows, in lengths that change. An empty one takes the old one
// away.
func cookieOf(phase uint32) []byte {
	return bytes.Repeat([]byte{byte(phase)}, []int{16, 1, 0, 8}[phase%4])
}

// tcCookieLive changes the cookie again and again while frames flow. Each
// frame carries the number of the change that was complete when it was sent,
// so its sample must have that cookie or, where a change overtook it, a later
// one; and no sample may have an older cookie than the one before it.
func tcCookieLive(t *selftests.T, dir topo.Direction) {
	const (
		phases = 60
		burst  = 32
		index  = 7
	)
	l := newLink(t, 1, dir)
	action := topo.TCSample{Index: index, Rate: 1, Group: 3, Cookie: cookieOf(0)}
	topo.AddTCSample(t, l.v, dir, action)
	samples := topo.NewListener(t, t.NS())
	replacer := topo.NewReplacer(t, t.NS())

	var phase, stop atomic.Uint32
	// The capacity bounds how far the sender runs ahead of the changes, and
	// with it how many samples wait in the listener's buffer.
	bursts := make(chan uint32, 16)
	failed := make(chan error, 1)
	frame := l.frame(100)
	at := len(frame) - 4
	go func() {
		defer close(bursts)
		// Where there is a second CPU changes and packets really coincide.
		if err := selftests.PinThread(1); err != nil {
			failed <- err
			return
		}
		for stop.Load() == 0 && t.Context().Err() == nil {
			now := phase.Load()
			binary.BigEndian.PutUint32(frame[at:], now)
			if err := l.out.TrySend(frame, burst); err != nil {
				failed <- err
				return
			}
			select {
			case bursts <- now:
			case <-t.Context().Done():
			}
		}
	}()
	// Wait for a burst of each phase: without traffic in it a phase shows
	// nothing.
	sent := 0
	for n := range uint32(phases) {
		if n > 0 {
			action.Cookie = cookieOf(n)
			if err := replacer.Replace(t.Context(), action); err != nil {
				t.Errorf("%v", err)
				break
			}
			phase.Store(n)
		}
		for b := range bursts {
			sent += burst
			if b == n {
				break
			}
		}
	}
	stop.Store(1)
	for range bursts {
		sent += burst
	}
	select {
	case err := <-failed:
		t.Fatalf("%v", err)
	default:
	}
	overtaken, newest := 0, uint32(0)
	for i, s := range samples.Expect(sent) {
		n := binary.BigEndian.Uint32(s.Data[at:])
		if n >= phases || s.Seq != uint32(i) {
			t.Fatalf("sample %d: sequence number %d, data %x", i+1, s.Seq, s.Data)
		}
		newest = max(newest, n)
		for newest < phases && !sameCookie(s, cookieOf(newest)) {
			newest++
		}
		if newest == phases {
			t.Fatalf("sample %d, sent after change %d: cookie %x is of no change since", i+1, n, s.Cookie)
		}
		if newest > n {
			overtaken++
		}
	}
	t.Logf("%d samples, %d changes, %d samples overtaken by one", sent, phases-1, overtaken)
	if overtaken == 0 && runtime.NumCPU() > 1 {
		t.Errorf("no change came while packets were under way, although there are %d CPUs: nothing has been shown", runtime.NumCPU())
	}
}

// sameCookie compares a sample with its action, whose empty cookie means none.
func sameCookie(s topo.Sample, cookie []byte) bool {
	return bytes.Equal(s.Cookie, cookie) && s.Has(uapi.PSAMPLE_ATTR_USER_COOKIE) == (len(cookie) > 0)
}

// tcCookieChanged changes the cookie between packets.
func tcCookieChanged(t *selftests.T) {
	l := newLink(t, 1, topo.Ingress)
	action := topo.TCSample{Index: 1, Rate: 1, Group: 4}
	topo.AddTCSample(t, l.v, topo.Ingress, action)
	replacer := topo.NewReplacer(t, t.NS())
	samples := topo.NewListener(t, t.NS())
	frame := l.frame(60)
	w := l.want(4, frame)
	for _, tt := range []struct {
		what         string
		cookie, want []byte
	}{
		{"a first cookie", []byte{1}, []byte{1}},
		{"a longer one", cookie16, cookie16},
		{"none given: the old one stays", nil, cookie16},
		{"a shorter one", []byte{7, 7}, []byte{7, 7}},
		{"an empty one: no cookie any more", []byte{}, nil},
		{"a cookie again", []byte{0, 0, 0}, []byte{0, 0, 0}},
	} {
		action.Cookie, w.cookie = tt.cookie, tt.want
		t.Must(replacer.Replace(t.Context(), action))
		l.out.Send(frame, 2)
		w.checkAll(t, tt.what, samples.Expect(2), true)
		w.seq += 2
	}
}

func tcRate(t *selftests.T) {
	const n, rate = 10_000, 4
	l := newLink(t, 1, topo.Ingress)
	topo.AddTCSample(t, l.v, topo.Ingress, topo.TCSample{Rate: rate, Group: 1, Trunc: 20})
	samples := topo.NewListener(t, t.NS())
	frame := l.frame(60)
	l.out.Send(frame, n)
	if got := len(l.in.Take(n)); got != n {
		t.Fatalf("%d of %d frames came through", got, n)
	}
	got := samples.Take(0)
	w := l.want(1, frame)
	w.rate, w.data = rate, frame[:20]
	w.checkAll(t, "one in four", got, true)
	checkShare(t, "one in four", len(got), n, 1.0/rate)
}

func tcBadInput(t *selftests.T) {
	l := newLink(t, 1, topo.Ingress)
	for _, tt := range []struct {
		what   string
		sample topo.TCSample
		want   error
	}{
		{"rate 0", topo.TCSample{Rate: 0, Group: 1}, unix.EINVAL},
		{"a cookie of 17 bytes", topo.TCSample{Rate: 1, Group: 1, Cookie: make([]byte, 17)}, unix.ERANGE},
	} {
		if err := topo.TryTCSample(t, l.v, topo.Ingress, tt.sample); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.want)
		}
	}
	// What was refused left nothing behind.
	samples := topo.NewListener(t, t.NS())
	l.out.Send(l.frame(60), 1)
	samples.Expect(0)
}
