// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs"
)

// needLab keeps the tests off a machine that has an Open vSwitch of its own.
func needLab(t *testing.T) {
	t.Helper()
	if os.Getenv("DPLAB_KERNEL") == "" {
		t.Skip("runs daemons and makes devices: run it in a lab guest (.ci/test-vswitch does)")
	}
}

func start(t *testing.T, opt Options) *Switch {
	t.Helper()
	s, err := Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	// A test stops its switch itself and wants that to succeed.
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// pair makes a bridge that learns and two hosts on it.
func pair(t *testing.T, s *Switch, suffix string) (h1, h2 *Host) {
	t.Helper()
	br, err := s.AddBridge(t.Context(), "br0", "fail_mode=standalone")
	if err != nil {
		t.Fatal(err)
	}
	h1, err = br.AddHost(t.Context(), HostConfig{Name: "h1" + suffix, Addr: netip.MustParsePrefix("10.0.0.1/24"), OFPort: 7})
	if err != nil {
		t.Fatal(err)
	}
	h2, err = br.AddHost(t.Context(), HostConfig{Name: "h2" + suffix, Addr: netip.MustParsePrefix("10.0.0.2/24")})
	if err != nil {
		t.Fatal(err)
	}
	return h1, h2
}

func wantPing(t *testing.T, from, to *Host, n int) {
	t.Helper()
	got, err := from.Ping(t.Context(), to.Addr.Addr(), n)
	if err != nil {
		t.Fatal(err)
	}
	if got != (Ping{n, n}) {
		t.Errorf("ping from %s to %s: %+v", from.Name, to.Name, got)
	}
}

// leftovers names what a stopped switch must not leave.
func leftovers(t *testing.T, netns string) []string {
	t.Helper()
	var left []string
	comms, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range comms {
		comm, _ := os.ReadFile(f)
		if name := strings.TrimSpace(string(comm)); strings.HasPrefix(name, "ovs") {
			left = append(left, "process "+name)
		}
	}
	for _, pattern := range []string{"/run/netns/h[12]*", "/sys/class/net/p-*", "/sys/class/net/ovs*", "/sys/class/net/br*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, files...)
	}
	ns, err := nl.OpenNetNS(netns)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	c, err := ovs.Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dps, err := c.Datapaths(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, dp := range dps {
		left = append(left, "datapath "+dp.Name)
	}
	return left
}

func TestSwitch(t *testing.T) {
	needLab(t)
	s := start(t, Options{})
	h1, h2 := pair(t, s, "")
	if h1.OFPort != 7 || h1.MAC.String() != "02:00:0a:00:00:01" || h1.Port != "p-h1" {
		t.Errorf("host %+v", h1.HostConfig)
	}
	// Nobody introduced them: ARP works, the bridge learns.
	wantPing(t, h1, h2, 20)

	text, err := h1.Command(t.Context(), "ip", "-br", "link").Output()
	if err != nil || !strings.Contains(string(text), "eth0@") || strings.Contains(string(text), "p-h") {
		t.Errorf("devices of the host: %s, %v", text, err)
	}
	br := &Bridge{Name: "br0", s: s}
	if err := br.SetFlows(t.Context(), "in_port=7 actions=drop", "priority=0 actions=NORMAL"); err != nil {
		t.Fatal(err)
	}
	flows, err := br.Flows(t.Context())
	if err != nil || len(flows) != 2 || !slices.ContainsFunc(flows, func(f string) bool { return strings.Contains(f, "in_port=7 actions=drop") }) {
		t.Errorf("flows %q, %v", flows, err)
	}
	// The datapath's flows of the first ping are gone at once.
	short, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	if got, err := h1.Ping(short, h2.Addr.Addr(), 3); err != nil || got != (Ping{1, 0}) {
		t.Errorf("ping through a drop: %+v, %v", got, err)
	}
	dp, err := s.DatapathFlows(t.Context())
	if err != nil || !slices.ContainsFunc(dp, func(f string) bool {
		return strings.HasPrefix(f, "ufid:") && strings.Contains(f, "in_port(p-h1)") && strings.HasSuffix(f, "actions:drop")
	}) {
		t.Errorf("flows of the datapath %q, %v", dp, err)
	}

	features, err := br.Features(t.Context())
	if err != nil || features["Truncate action"] != "Yes" || features["Recirc"] != "Yes" {
		t.Errorf("features %v, %v", features, err)
	}
	if err := br.SetFeature(t.Context(), "trunc", false); err != nil {
		t.Error(err)
	}
	if text, err := s.Appctl(t.Context(), "dpif/set-dp-features", "br0"); err != nil || !strings.Contains(text, "(Truncate action) : [run time]:false") {
		t.Errorf("features %s, %v", text, err)
	}
	if err := br.SetFeature(t.Context(), "fly", true); err == nil || !strings.Contains(err.Error(), "fly") {
		t.Errorf("set a feature nobody knows: %v", err)
	}
	if _, err := s.Dpctl(t.Context(), "dump-dps"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.ControlSocket()); err != nil {
		t.Error(err)
	}
	lines, err := s.WaitLog(t.Context(), s.Version().String())
	if err != nil || len(lines) != 1 || lines[0].Module != "bridge" {
		t.Errorf("log %v, %v", lines, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.WaitLog(ctx, "no such text"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waited for what does not come: %v", err)
	}
	if _, err := br.AddPort(t.Context(), "nodevice"); err == nil || !strings.Contains(err.Error(), "nodevice") {
		t.Errorf("a port without a device: %v", err)
	}
	if err := br.Delete(t.Context()); err != nil {
		t.Error(err)
	}

	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopped twice: %v", err)
	}
	if left := leftovers(t, ""); left != nil {
		t.Errorf("left behind: %q", left)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory: %v", err)
	}
}

// TestSwitches runs two beside each other, with the same names for everything
// but the hosts, one of them in a namespace of its own.
func TestSwitches(t *testing.T) {
	needLab(t)
	if out, err := exec.Command("ip", "netns", "add", "blue").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", "blue").Run() })
	dir := t.TempDir()
	here, there := start(t, Options{Dir: dir}), start(t, Options{NetNS: "blue"})
	h1, h2 := pair(t, here, "")
	b1, b2 := pair(t, there, "-blue")
	wantPing(t, h1, h2, 5)
	wantPing(t, b1, b2, 5)
	if err := errors.Join(there.Stop(), here.Stop()); err != nil {
		t.Error(err)
	}
	if left := append(leftovers(t, ""), leftovers(t, "blue")...); left != nil {
		t.Errorf("left behind: %q", left)
	}
	// A directory of the caller's stays, with the log.
	if _, err := os.Stat(filepath.Join(dir, "ovs-vswitchd.log")); err != nil {
		t.Error(err)
	}
}

// TestDaemonDies looks at what is not to happen: it must be noticed at once and
// leave nothing either.
func TestDaemonDies(t *testing.T) {
	needLab(t)
	s := start(t, Options{})
	pair(t, s, "")
	if err := unix.Kill(s.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	_, err := s.AddBridge(t.Context(), "br1")
	if err == nil || !strings.Contains(err.Error(), "ovs-vswitchd: ended: signal: killed") || time.Since(before) > patience/2 {
		t.Errorf("after %v: %v", time.Since(before), err)
	}
	if err := s.Stop(); err == nil || !strings.Contains(err.Error(), "ovs-vswitchd: ended: signal: killed") {
		t.Errorf("stop: %v", err)
	}
	if left := leftovers(t, ""); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestNotStarted(t *testing.T) {
	needLab(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if s, err := Start(ctx, Options{}); !errors.Is(err, cause) {
		t.Errorf("%v, %v", s, err)
	}
	// A database that is there already is not ours to overwrite.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "conf.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Start(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "conf.db") {
		t.Errorf("%v, %v", s, err)
	}
	t.Setenv("PATH", t.TempDir())
	if s, err := Start(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "openvswitch-switch") {
		t.Errorf("%v, %v", s, err)
	}
	if left := leftovers(t, ""); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

// TestForeignDatapath refuses a namespace that has an Open vSwitch, and leaves
// it as it is.
func TestForeignDatapath(t *testing.T) {
	needLab(t)
	first := start(t, Options{})
	h1, h2 := pair(t, first, "")
	second, err := Start(t.Context(), Options{})
	if !errors.Is(err, ErrDatapathInUse) || second != nil || !strings.Contains(err.Error(), kernelDatapath) {
		t.Errorf("a second switch: %v", err)
	}
	wantPing(t, h1, h2, 5)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	// Neither is taken what nobody looks after.
	c, err := ovs.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.AddDatapath(t.Context(), ovs.DatapathConfig{Name: kernelDatapath}); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{}); !errors.Is(err, ErrDatapathInUse) {
		t.Errorf("with a datapath that is left over: %v", err)
	}
	if err := c.DelDatapath(t.Context(), kernelDatapath); err != nil {
		t.Errorf("the other one's datapath: %v", err)
	}
	if left := leftovers(t, ""); left != nil {
		t.Errorf("left: %q", left)
	}
}
