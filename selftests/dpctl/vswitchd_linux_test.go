// SPDX-License-Identifier: Apache-2.0

package dpctl

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/vswitch"
)

const ovsSystem = "ovs-system"

// TestOwnedDatapath: what a running ovs-vswitchd looks after is not deleted, in
// whatever network namespace; what it has left behind is.
func TestOwnedDatapath(t *testing.T) {
	needLab(t)
	ours, _ := tools(t)
	for _, netns := range []string{"", "blue"} {
		t.Run("netns "+netns, func(t *testing.T) {
			var in []string
			if netns != "" {
				must(t, "ip", "netns", "add", netns)
				t.Cleanup(func() { must(t, "ip", "netns", "del", netns) })
				in = []string{"-N", netns}
			}
			sw, err := vswitch.Start(t.Context(), vswitch.Options{NetNS: netns})
			if err != nil {
				t.Fatal(err)
			}
			stopped := false
			t.Cleanup(func() {
				if !stopped {
					_ = sw.Stop()
				}
			})
			if _, err := sw.AddBridge(t.Context(), "br0"); err != nil {
				t.Fatal(err)
			}
			whose := fmt.Sprintf("ovs-vswitchd (process %d)", sw.PID())
			r := ours.run(t, append(in, "del-dp", ovsSystem)...)
			if r.status != 1 || !strings.Contains(r.errs, whose) || !strings.Contains(r.errs, "--force") {
				t.Errorf("status %d: %s", r.status, r.errs)
			}
			if out := ours.must(t, append(in, "doctor")...); !strings.Contains(out, "its packets go to "+whose) {
				t.Errorf("doctor does not say so:\n%s", out)
			}
			r = ours.run(t, append(in, "upcalls", ovsSystem, "br0", "-d", "100ms")...)
			if r.status != 1 {
				t.Errorf("upcalls: status %d: %s", r.status, r.errs)
			}
			ours.must(t, append(in, "show", ovsSystem)...)
			// Another one's datapath beside it is nobody's.
			ours.must(t, append(in, "add-dp", "d9")...)
			ours.must(t, append(in, "del-dp", "d9")...)
			if netns != "" {
				stopped = true
				if err := sw.Stop(); err != nil {
					t.Error(err)
				}
				return
			}
			// It cannot clean up, so that its datapath stays.
			if err := unix.Kill(sw.PID(), unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			for range 100 {
				if r = ours.run(t, "del-dp", ovsSystem); r.status == 0 {
					return
				}
			}
			t.Errorf("of a daemon that was killed: status %d: %s", r.status, r.errs)
		})
	}
}

// TestForce: --force deletes it all the same.
func TestForce(t *testing.T) {
	needLab(t)
	ours, _ := tools(t)
	sw, err := vswitch.Start(t.Context(), vswitch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sw.Stop() })
	if _, err := sw.AddBridge(t.Context(), "br0"); err != nil {
		t.Fatal(err)
	}
	ours.must(t, "del-dp", "--force", ovsSystem)
	if r := ours.run(t, "show", ovsSystem); r.status != 1 {
		t.Errorf("it is still there: %s", r.out)
	}
}

// TestOffloaded counts flows that ovs-vswitchd has in tc.
func TestOffloaded(t *testing.T) {
	needLab(t)
	ours, _ := tools(t)
	sw, err := vswitch.Start(t.Context(), vswitch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sw.Stop() })
	for _, setting := range []string{"hw-offload=true", "tc-policy=skip_hw", "max-idle=600000"} {
		if _, err := sw.Vsctl(t.Context(), "set", "Open_vSwitch", ".", "other_config:"+setting); err != nil {
			t.Fatal(err)
		}
	}
	br, err := sw.AddBridge(t.Context(), "br0", "fail_mode=standalone")
	if err != nil {
		t.Fatal(err)
	}
	var ends []*vswitch.Host
	for i := 1; i <= 2; i++ {
		h, err := br.AddHost(t.Context(), vswitch.HostConfig{Name: fmt.Sprintf("h%d", i), Addr: netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/24", i))})
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, h)
	}
	if err := vswitch.Introduce(t.Context(), ends...); err != nil {
		t.Fatal(err)
	}
	if _, err := ends[0].Ping(t.Context(), ends[1].Addr.Addr(), 20); err != nil {
		t.Fatal(err)
	}
	const notice = "2 flows are offloaded to tc, not shown (ovs-appctl dpctl/dump-flows shows them)"
	for _, tt := range []struct {
		words string
		says  bool
	}{
		{"dump-flows", true}, {"dump-flows type=all", true}, {"dump-flows type=tc", true}, {"dump-flows type=non-offloaded", true},
		{"dump-flows -j", true}, {"dump-flows type=ovs", false}, {"dump-flows type=offloaded", false}, {"dump-flows type=dpdk", false},
	} {
		r := ours.run(t, strings.Fields(tt.words)...)
		if r.status != 0 || strings.Contains(r.errs, notice) != tt.says {
			t.Errorf("%s: status %d, %q, want the notice: %t", tt.words, r.status, r.errs, tt.says)
		}
	}
}
