// SPDX-License-Identifier: Apache-2.0

package copies

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/cases"
	"github.com/dpscope/dpscope/selftests/topo"
)

// What DPSCOPE_COPIES can be.
const (
	none = "none"
	all  = "all"
)

func expected(t *testing.T) string {
	want := os.Getenv("DPSCOPE_COPIES")
	switch want {
	case none, all:
	case "":
		t.Skip("runs in a guest on a machine, with DPSCOPE_COPIES set")
	default:
		t.Fatalf("DPSCOPE_COPIES=%s: want %s or %s", want, none, all)
	}
	return want
}

// run runs cases and prints the report.
func run(t *testing.T, list []selftests.Case) {
	ctx := t.Context()
	for _, err := range cases.LoadModules(ctx) {
		t.Log(err)
	}
	log, err := selftests.OpenKernelLog()
	if err != nil {
		t.Fatal(err)
	}
	r := selftests.Runner{
		Features: selftests.NewFeatures(cases.Features()), Sandbox: selftests.NetNSSandbox, Log: log,
		Out: os.Stdout, Verbose: true, Timeout: 3 * time.Minute,
	}
	// Stock 6.1 cannot sample by Open vSwitch.
	r.NoSkip = os.Getenv("DPLAB_KERNEL") != "6.1"
	res, err := r.Run(context.WithoutCancel(ctx), list)
	if err != nil || !res.OK() || res.Passed == 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

// path is a way for packets to be sampled.
type path struct {
	name  string
	needs []selftests.Feature
	// open makes each packet sent by the sender one sample of group 1 in the
	// case's namespace.
	open func(t *selftests.T) (*topo.Sender, []byte)
}

var paths = []path{
	{"tc", []selftests.Feature{cases.Psample, cases.TCSample}, func(t *selftests.T) (*topo.Sender, []byte) {
		v, p := topo.Veth(t, 1, t.NS(), t.NS())
		topo.AddClsact(t, v)
		topo.AddTCSample(t, v, topo.Ingress, topo.TCSample{Rate: 1, Group: 1})
		return topo.NewSender(t, p), p.UDPTo(v, 200)
	}},
	{"ovs", []selftests.Feature{cases.Psample, cases.OpenVSwitch, cases.PsampleAction}, func(t *selftests.T) (*topo.Sender, []byte) {
		v, p := topo.Veth(t, 1, t.NS(), t.NS())
		dp := topo.NewDatapath(t, t.NS(), "dp0")
		dp.PutFlow(topo.Flow{InPort: dp.AddDev(v), Actions: odp.Actions{odp.Psample{Group: 1, Cookie: []byte{1}}}})
		return topo.NewSender(t, p), p.UDPTo(v, 200)
	}},
}

// TestCopies samples packets in front of nobody, of a listener in the same
// namespace, and of one elsewhere, who gets none of them. That one counts all
// the same, on every kernel: netlink keeps one set of listeners for all
// namespaces (netlink_update_listeners, net/netlink/af_netlink.c), and that is
// what psample asks. Each time it is counted how often psample was asked, how
// many messages it allocated, and how often it copied a packet.
func TestCopies(t *testing.T) {
	want := expected(t)
	const n = 100
	var list []selftests.Case
	for _, p := range paths {
		for _, who := range []struct {
			name   string
			listen func(t *selftests.T) *nl.NetNS
			copies bool
			gets   int
		}{
			{"nobody", nil, want == all, 0},
			{"listener", func(t *selftests.T) *nl.NetNS { return t.NS() }, true, n},
			{"listener-elsewhere", topo.NewNS, true, 0},
		} {
			copies := 0
			if who.copies {
				copies = n
			}
			list = append(list, selftests.Case{
				Name: "copies-" + p.name + "-" + who.name, Needs: p.needs,
				Doc: fmt.Sprintf("%d packets sampled in front of %s are %d messages and as many copies", n, who.name, copies),
				Run: func(t *selftests.T) {
					sender, frame := p.open(t)
					entry := psampleEntry(t)
					var samples *topo.Listener
					if who.listen != nil {
						samples = topo.NewListener(t, who.listen(t))
					}
					calls := traced(t, entry, []string{"__alloc_skb", "skb_copy_bits"}, func() {
						sender.Send(frame, n)
						if samples != nil {
							samples.Expect(who.gets)
						} else {
							time.Sleep(50 * time.Millisecond)
						}
					})
					t.Logf("%v", calls)
					for function, want := range map[string]int{entry: n, "__alloc_skb": copies, "skb_copy_bits": copies} {
						if calls[function] != want {
							t.Errorf("%s was called %d times, want %d", function, calls[function], want)
						}
					}
				},
			})
		}
	}
	run(t, list)
}
