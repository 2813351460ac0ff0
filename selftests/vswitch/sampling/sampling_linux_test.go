// SPDX-License-Identifier: Apache-2.0

package sampling

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/proc"
	"github.com/dpscope/dpscope/selftests/vswitch"
)

// stock is the lab's kernel that has no psample action.
const stock = "6.1"

// Rates as the kernel reports them: shares of 2^32-1. ovs-vswitchd makes them
// from the 16 bits of an OpenFlow action as p<<16|p.
const (
	always = math.MaxUint32
	half   = 32768<<16 | 32768
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

// needLab keeps the tests off a machine that has an Open vSwitch of its own. It
// gives the kernel's name.
func needLab(t *testing.T) string {
	t.Helper()
	kernel := os.Getenv("DPLAB_KERNEL")
	if kernel == "" {
		t.Skip("runs daemons and makes devices: run it in a lab guest (.ci/test-vswitch does)")
	}
	return kernel
}

func TestSampling(t *testing.T) {
	kernel := needLab(t)
	log, err := selftests.OpenKernelLog()
	if err != nil {
		t.Fatal(err)
	}
	sw, err := vswitch.Start(t.Context(), vswitch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sw.Stop() })
	t.Logf("Open vSwitch %v on kernel %s", sw.Version(), kernel)
	b := newBed(t, sw, kernel != stock)

	t.Run("support", b.support)
	t.Run("all", b.all)
	t.Run("half", b.half)
	t.Run("several", b.several)
	t.Run("from registers", b.registers)
	t.Run("one group", b.oneGroup)
	t.Run("cut output", b.cutOutput)
	t.Run("slow path", b.slowPath)
	t.Run("with IPFIX", b.ipfix)
	t.Run("require", b.require)
	lines, err := sw.Log("")
	if err != nil {
		t.Error(err)
	}
	for _, l := range lines {
		if l.Bad() {
			t.Errorf("log of ovs-vswitchd: %v", l)
		}
	}
	if err := sw.Stop(); err != nil {
		t.Error(err)
	}
	messages, err := log.Next()
	if err != nil {
		t.Error(err)
	}
	for _, m := range selftests.Alarming(messages) {
		t.Errorf("kernel log: %s", m)
	}
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

// support wants ovs-vswitchd to have found out itself what the kernel can do.
func (b *bed) support(t *testing.T) {
	said, feature := "system@ovs-system: Datapath supports psample action", "Yes"
	if !b.supported {
		said, feature = "system@ovs-system: Datapath does not support psample action", "No"
	}
	if lines, err := b.sw.Log("psample action"); err != nil || len(lines) != 1 || lines[0].Text != said {
		t.Errorf("log: %v, %v", lines, err)
	}
	if features, err := b.br.Features(t.Context()); err != nil || features["psample action"] != feature {
		t.Errorf("features: %v, %v", features, err)
	}
}

func (b *bed) all(t *testing.T) {
	const n = 200
	b.flows(t, sampleAction(1, 65535, 2853183536, 2856341600), "")
	samples, _ := b.sampled(t, n)
	b.checkAll(t, samples, n, want{10, 0xaa102030, 0xaa405060, always}, b.h1)
	b.count(t, samples, n)
	b.dump(t, 1)
	// Their ovs-dpctl asks the kernel itself, as ours does.
	text, err := b.sw.Dpctl(t.Context(), "dump-flows", "-m", "system@ovs-system")
	if err != nil {
		t.Fatal(err)
	}
	sameFlows(t, strings.Split(strings.TrimSpace(text), "\n"))
}

func (b *bed) half(t *testing.T) {
	const n = 400
	b.flows(t, "", sampleAction(2, 32768, 1, 2))
	samples, _ := b.sampled(t, n)
	b.checkHalf(t, samples, n, want{12, 1, 2, half}, b.h2)
	b.count(t, samples, len(b.check(t, samples, want{12, 1, 2, half}, b.h2)))
	b.dump(t, 1)
}

// several sample actions in one flow, of several collector sets, beside another
// flow's; identifiers at the ends of their range.
func (b *bed) several(t *testing.T) {
	const n = 400
	b.flows(t,
		sampleAction(1, 65535, 0, 0)+","+sampleAction(2, 32768, 7, 1)+","+sampleAction(1, 65535, 0, 1),
		sampleAction(3, 65535, uint32(math.MaxUint32), uint32(math.MaxUint32)))
	samples, _ := b.sampled(t, n)
	b.checkAll(t, samples, n, want{10, 0, 0, always}, b.h1)
	b.checkHalf(t, samples, n, want{12, 7, 1, half}, b.h1)
	b.checkAll(t, samples, n, want{10, 0, 1, always}, b.h1)
	b.checkAll(t, samples, n, want{math.MaxUint32, math.MaxUint32, math.MaxUint32, always}, b.h2)
	b.count(t, samples, 3*n+len(b.check(t, samples, want{12, 7, 1, half}, b.h1)))
	b.dump(t, 4)
}

// registers has domain and point come from the packet, as OVN does.
func (b *bed) registers(t *testing.T) {
	const n = 50
	load := "load:0x5a000001->NXM_NX_REG1[],load:0xfffffffe->NXM_NX_REG2[],"
	b.flows(t, load+sampleAction(1, 65535, "NXM_NX_REG1[]", "NXM_NX_REG2[]"), sampleAction(1, 65535, 3, "NXM_NX_PKT_MARK[]"))
	samples, _ := b.sampled(t, n)
	b.checkAll(t, samples, n, want{10, 0x5a000001, 0xfffffffe, always}, b.h1)
	b.checkAll(t, samples, n, want{10, 3, 0, always}, b.h2)
	b.count(t, samples, 2*n)
	b.dump(t, 2)
}

// oneGroup has psample-listen choose among groups.
func (b *bed) oneGroup(t *testing.T) {
	const n = 50
	b.flows(t, sampleAction(1, 65535, 1, 1), sampleAction(2, 65535, 2, 2))
	samples, others := b.sampled(t, n, "-g", "12")
	b.checkAll(t, samples, n, want{12, 2, 2, always}, b.h2)
	b.count(t, samples, n)
	if b.supported && others != n {
		t.Errorf("%d samples of other groups, want %d", others, n)
	}
}

// cutOutput cuts what is forwarded, by the datapath's trunc action; the sample
// must not be cut with it. Requests are left whole: they must be answered.
func (b *bed) cutOutput(t *testing.T) {
	const n = 50
	b.rawFlows(t,
		fmt.Sprintf("%s,output(port=2,max_len=%d)", sampleAction(1, 65535, 1, 1), vswitch.PingSize),
		fmt.Sprintf("output(port=1,max_len=%d),%s", vswitch.PingSize, sampleAction(2, 65535, 2, 2)))
	samples, _ := b.sampled(t, n)
	b.checkAll(t, samples, n, want{10, 1, 1, always}, b.h1)
	b.checkAll(t, samples, n, want{12, 2, 2, always}, b.h2)
	b.count(t, samples, 2*n)
	b.dump(t, 2)
}

// slowPath has ovs-vswitchd handle each packet, because it believes that the
// datapath cannot cut packets; the sampling it must still leave to the kernel.
func (b *bed) slowPath(t *testing.T) {
	if err := b.br.SetFeature(t.Context(), "trunc", false); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.br.SetFeature(t.Context(), "trunc", true); err != nil {
			t.Error(err)
		}
	}()
	const n = 400
	b.rawFlows(t,
		sampleAction(1, 65535, 2853183536, 2856341600)+",output(port=2,max_len=200)",
		sampleAction(2, 32768, 1, 2)+",output(port=1,max_len=200)")
	samples, _ := b.sampled(t, n)
	b.checkAll(t, samples, n, want{10, 0xaa102030, 0xaa405060, always}, b.h1)
	b.checkHalf(t, samples, n, want{12, 1, 2, half}, b.h2)
	b.count(t, samples, n+len(b.check(t, samples, want{12, 1, 2, half}, b.h2)))
	slow := 0
	for _, f := range b.dump(t, 0) {
		if strings.Contains(f, "slow_path(action)") {
			slow++
		}
	}
	if slow != 2 {
		t.Errorf("%d flows take the slow path, want 2", slow)
	}
}

// require has psample-listen itself find out what the kernel can do.
func (b *bed) require(t *testing.T) {
	status, said := 0, "0 samples printed, 0 received"
	if !b.supported {
		status, said = 3, "needs Linux 6.11"
	}
	wantStatus(t, status, said, "psample-listen", "-j", "--require-cookie", "-d", "100ms")
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
