// SPDX-License-Identifier: Apache-2.0

package sampling

import (
	"fmt"
	"math"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests/proc"
	"github.com/dpscope/dpscope/selftests/vswitch"
)

// want is what one sample action must have led to.
type want struct {
	group, domain, point uint32
	rate                 uint32
}

// bed is the switch all scenarios run on: two hosts, and collector sets 1, 2
// and 3 for the groups 10, 12 and the largest there is.
type bed struct {
	sw        *vswitch.Switch
	br        *vswitch.Bridge
	h1, h2    *vswitch.Host
	supported bool
}

func newBed(t *testing.T, sw *vswitch.Switch, supported bool) *bed {
	t.Helper()
	if !supported {
		// Nothing that is used here loads it there.
		wantStatus(t, 0, "", "modprobe", "-ra", "act_sample", "psample")
		wantStatus(t, 3, "load the module: modprobe psample", "psample-listen", "-d", "100ms")
		wantStatus(t, 0, "", "modprobe", "psample")
	}
	br, err := sw.AddBridge(t.Context(), "br0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{sw: sw, br: br, supported: supported}
	for i, h := range []**vswitch.Host{&b.h1, &b.h2} {
		*h, err = br.AddHost(t.Context(), vswitch.HostConfig{
			Name: fmt.Sprintf("h%d", i+1), Addr: netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/24", i+1)), OFPort: i + 1,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := vswitch.Introduce(t.Context(), b.h1, b.h2); err != nil {
		t.Fatal(err)
	}
	// Datapath flows are looked at after their traffic: however slow the machine
	// is, they must still be there.
	_, err = sw.Vsctl(t.Context(), "set", "Open_vSwitch", ".", "other_config:max-idle=600000",
		"--", "--id=@b", "get", "Bridge", "br0",
		"--", "create", "Flow_Sample_Collector_Set", "id=1", "bridge=@b", "local_group_id=10",
		"--", "create", "Flow_Sample_Collector_Set", "id=2", "bridge=@b", "local_group_id=12",
		"--", "create", "Flow_Sample_Collector_Set", "id=3", "bridge=@b", "local_group_id=4294967295")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sampleAction is an OpenFlow sample action. Domain and point may be fields.
func sampleAction(set, probability int, domain, point any) string {
	return fmt.Sprintf("sample(probability=%d,collector_set_id=%d,obs_domain_id=%v,obs_point_id=%v)", probability, set, domain, point)
}

// flows gives requests of h1 and replies of h2 these actions, then forwards
// them.
func (b *bed) flows(t *testing.T, request, reply string) {
	t.Helper()
	b.rawFlows(t, request+",output:2", reply+",output:1")
}

func (b *bed) rawFlows(t *testing.T, request, reply string) {
	t.Helper()
	if err := b.br.SetFlows(t.Context(), "in_port=1,icmp actions="+request, "in_port=2,icmp actions="+reply); err != nil {
		t.Fatal(err)
	}
}

// ping sends n echo requests from h1; all must be answered whatever is sampled
// meanwhile.
func (b *bed) ping(t *testing.T, n int) {
	t.Helper()
	got, err := b.h1.Ping(t.Context(), b.h2.Addr.Addr(), n)
	if err != nil {
		t.Fatal(err)
	}
	if got != (vswitch.Ping{Sent: n, Received: n}) {
		t.Errorf("ping: %+v, want all %d answered", got, n)
	}
}

// sampled pings with psample-listen listening and gives what that printed. On a
// kernel without the action that must be nothing.
func (b *bed) sampled(t *testing.T, n int, args ...string) (samples []sample, others int) {
	t.Helper()
	l := listen(t, args...)
	b.ping(t, n)
	samples, others = l.stop(t)
	if !b.supported && len(samples)+others != 0 {
		t.Errorf("%d samples on a kernel without the psample action", len(samples)+others)
	}
	return samples, others
}

// dump compares the dumps of the datapath's flows and wants n psample actions
// in them.
func (b *bed) dump(t *testing.T, n int) []string {
	t.Helper()
	theirs, err := b.sw.DatapathFlows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !b.supported {
		n = 0
	}
	if got := sameFlows(t, theirs); got != n {
		t.Errorf("%d psample actions in the datapath, want %d:\n%s", got, n, strings.Join(theirs, "\n"))
	}
	return theirs
}

// check compares what one sample action led to. Requests enter by h1's port,
// replies by h2's.
func (b *bed) check(t *testing.T, samples []sample, w want, from *vswitch.Host) (seqs map[int]bool) {
	t.Helper()
	to := b.h1
	if from == b.h1 {
		to = b.h2
	}
	cookie := fmt.Sprintf("%08x%08x", w.domain, w.point)
	seqs = map[int]bool{}
	for _, s := range samples {
		if *s.Group != w.group || s.Cookie != cookie {
			continue
		}
		seq, err := s.icmpSeq()
		if err != nil {
			t.Fatal(err)
		}
		if seqs[seq] {
			t.Fatalf("packet %d was sampled twice for group %d cookie %s", seq, w.group, cookie)
		}
		seqs[seq] = true
		probability := float64(w.rate) / math.MaxUint32
		switch {
		case s.Meaning.Decoder != "ovs" || s.Meaning.Guess || *s.Meaning.Domain != w.domain || *s.Meaning.Point != w.point:
			t.Fatalf("cookie %s means something else: %+v", cookie, s.Meaning)
		case *s.Rate != w.rate || !s.RateIsProbability || *s.Probability != probability:
			t.Fatalf("rate %d, is probability %v, probability %v; want %d, true, %v", *s.Rate, s.RateIsProbability, *s.Probability, w.rate, probability)
		case s.IIf != from.Port || s.OrigSize != vswitch.PingSize || s.Packet.Src != from.Addr.Addr().String() || s.Packet.Dst != to.Addr.Addr().String() || s.Packet.Truncated:
			t.Fatalf("not a packet from %s: %+v", from.Name, s)
		case s.Seq == nil || *s.Seq != 0: // the kernel does not count samples of Open vSwitch
			t.Fatalf("sequence number %v", s.Seq)
		}
	}
	return seqs
}

// checkAll wants every packet sampled exactly once by this action.
func (b *bed) checkAll(t *testing.T, samples []sample, n int, w want, from *vswitch.Host) {
	t.Helper()
	if !b.supported {
		return
	}
	if got := len(b.check(t, samples, w, from)); got != n {
		t.Errorf("%d of %d packets sampled by %+v", got, n, w)
	}
}

// checkHalf wants about one half of the packets: within six standard
// deviations, which chance leaves once in five hundred million runs.
func (b *bed) checkHalf(t *testing.T, samples []sample, n int, w want, from *vswitch.Host) {
	t.Helper()
	if !b.supported {
		return
	}
	got := len(b.check(t, samples, w, from))
	if off := math.Abs(float64(got) - float64(n)/2); off > 6*math.Sqrt(float64(n)/4) {
		t.Errorf("%d of %d packets sampled by %+v", got, n, w)
	}
}

// count wants no samples but those that were looked at.
func (b *bed) count(t *testing.T, samples []sample, n int) {
	t.Helper()
	if b.supported && len(samples) != n {
		t.Errorf("%d samples, want %d", len(samples), n)
	}
}

// wantStatus runs a program and wants this exit status and text.
func wantStatus(t *testing.T, want int, said string, argv ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput()
	got, err := proc.Status(err)
	if err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
	if got != want || !strings.Contains(string(out), said) {
		t.Errorf("%v: exit status %d, want %d: %s", argv, got, want, out)
	}
}
