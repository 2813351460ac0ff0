// SPDX-License-Identifier: Apache-2.0

package sampling

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests"
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
