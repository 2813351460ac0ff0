// SPDX-License-Identifier: Apache-2.0

package copies

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/cases"
	"github.com/dpscope/dpscope/selftests/topo"
)

// TestRates lets pktgen put packets into a device that drops them, and into the
// same device that samples and drops them, by turns. Nobody listens. It prints
// lines "rate PATH SIZE PLAIN SAMPLED" with packets per second.
func TestRates(t *testing.T) {
	expected(t)
	rounds, err := strconv.Atoi(os.Getenv("DPSCOPE_RATES"))
	if err != nil {
		t.Skip("takes minutes: set DPSCOPE_RATES to the number of rounds")
	}
	if out, err := exec.Command("modprobe", "pktgen").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var list []selftests.Case
	for _, m := range []struct {
		name          string
		needs         []selftests.Feature
		plain, sample func(t *selftests.T) topo.Dev
	}{
		{"tc", []selftests.Feature{cases.Psample, cases.TCSample}, filtered("action", "drop"),
			filtered("action", "sample", "rate", "1", "group", "1", "action", "drop")},
		{"ovs", []selftests.Feature{cases.Psample, cases.OpenVSwitch, cases.PsampleAction}, switched(nil),
			switched(odp.Actions{odp.Psample{Group: 1}})},
	} {
		for round := range rounds {
			for _, size := range []int{60, 1500} {
				list = append(list, selftests.Case{
					Name: fmt.Sprintf("rate-%s-%d-%d", m.name, size, round), Needs: m.needs,
					Doc: fmt.Sprintf("packets of %d bytes", size),
					Run: func(t *selftests.T) {
						plain, sampled := compare(t, m.plain(t), m.sample(t), size)
						fmt.Printf("rate %s %d %d %d\n", m.name, size, plain, sampled)
					},
				})
			}
		}
	}
	run(t, list)
}

// filtered gives a device whose packets meet tc actions when they come in.
func filtered(actions ...string) func(t *selftests.T) topo.Dev {
	return func(t *selftests.T) topo.Dev {
		v, _ := topo.Veth(t, device(), t.NS(), t.NS())
		topo.AddClsact(t, v)
		args := append([]string{"filter", "add", "dev", v.Name, "ingress", "matchall"}, actions...)
		if out, err := exec.CommandContext(t.Context(), "tc", args...).CombinedOutput(); err != nil {
			t.Fatalf("tc %v: %v: %s", args, err, out)
		}
		return v
	}
}

// switched gives a device whose packets meet the actions of a datapath.
func switched(actions odp.Actions) func(t *selftests.T) topo.Dev {
	return func(t *selftests.T) topo.Dev {
		n := device()
		v, _ := topo.Veth(t, n, t.NS(), t.NS())
		dp := topo.NewDatapath(t, t.NS(), fmt.Sprintf("dp%d", n))
		dp.PutFlow(topo.Flow{InPort: dp.AddDev(v), Actions: actions})
		return v
	}
}

var devices byte

// device numbers the devices of a run.
func device() byte {
	devices++
	return devices
}

const pktgen = "/proc/thread-self/net/pktgen"

// compare gives the packets per second that two devices take in. Each is the
// best of many short runs, by turns: a host that does other things too leaves
// some of them alone.
func compare(t *selftests.T, a, b topo.Dev, size int) (rateA, rateB int) {
	for range 30 {
		rateA = max(rateA, generate(t, a, size))
		rateB = max(rateB, generate(t, b, size))
	}
	return rateA, rateB
}

// generate has pktgen put packets into a device as if they had come in, on the
// one processor, and gives the packets per second.
func generate(t *selftests.T, d topo.Dev, size int) int {
	// Some milliseconds on an emulated processor.
	const count = 500
	set := func(file string, commands ...string) {
		for _, c := range commands {
			if err := os.WriteFile(filepath.Join(pktgen, file), []byte(c+"\n"), 0); err != nil {
				t.Fatalf("pktgen: %s: %v", c, err)
			}
		}
	}
	set("kpktgend_0", "rem_device_all", "add_device "+d.Name)
	set(d.Name, fmt.Sprintf("count %d", count), fmt.Sprintf("pkt_size %d", size), "delay 0", "xmit_mode netif_receive",
		"dst_mac "+d.MAC.String(), "src_min 10.0.0.1", "src_max 10.0.0.1", "dst_min 10.0.0.2", "dst_max 10.0.0.2")
	set("pgctrl", "start")
	// It waits for the end, unless the thread takes its time to begin.
	for {
		text, err := os.ReadFile(filepath.Join(pktgen, d.Name))
		t.Must(err)
		pps, err := parseRate(string(text))
		if err == nil {
			set("kpktgend_0", "rem_device_all")
			return pps
		}
		if t.Context().Err() != nil {
			t.Fatalf("%v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

var rate = regexp.MustCompile(`(?m)^Result: OK: .*\n\s*(\d{1,12})pps `)

// parseRate reads the rate from pktgen's report on a device.
func parseRate(text string) (int, error) {
	m := rate.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("pktgen: no result in %.300q", strings.TrimSpace(text))
	}
	return strconv.Atoi(m[1])
}

func TestParseRate(t *testing.T) {
	const good = "Params: count 1000  min_pkt_size: 60\nCurrent:\n     pkts-sofar: 1000  errors: 0\n" +
		"Result: OK: 6789(c6789+d0) usec, 1000 (60byte,0frags)\n  147297pps 70Mb/sec (70702560bps) errors: 0\n"
	if n, err := parseRate(good); n != 147297 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "Result: Idle\n", "Result: OK: x\n", "Result: OK: x\n  -5pps ", "Result: OK: x\n  9999999999999999999pps "} {
		if n, err := parseRate(bad); err == nil {
			t.Errorf("%q: %d", bad, n)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	f.Add("Result: OK: 1\n  5pps ")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseRate(text); err == nil && n < 0 {
			t.Errorf("%q: %d", text, n)
		}
	})
}
