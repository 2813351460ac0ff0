// SPDX-License-Identifier: Apache-2.0

package dpctl

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the two tools may differ in. Times go on between two calls. Of a port's
// counters ours has those the datapath keeps; the other tool asks the device,
// too, and knows nothing of a tunnel's. Advice is no output: ours has it in the
// error.
var (
	usedAgo  = regexp.MustCompile(`used:[0-9.]+s`)
	timeouts = regexp.MustCompile(`timeout=[0-9]+`)
)

func normal(text string) string {
	text = usedAgo.ReplaceAllString(text, "used:T")
	text = strings.ReplaceAll(text, "Perhaps you need to specify a UFID?\n", "")
	return timeouts.ReplaceAllString(text, "timeout=T")
}

// same runs a command with both tools: output and success must be the same.
func same(t *testing.T, words ...string) {
	t.Helper()
	ours, theirs := tools(t)
	theirResult, ourResult := theirs.run(t, words...), ours.run(t, words...)
	if d := cmp.Diff(normal(theirResult.out), normal(ourResult.out)); d != "" {
		t.Errorf("%q (-theirs +ours):\n%s", words, d)
	}
	if (theirResult.status == 0) != (ourResult.status == 0) {
		t.Errorf("%q: status %d of theirs, %d of ours: %s%s", words, theirResult.status, ourResult.status, theirResult.errs, ourResult.errs)
	}
}

const (
	ufid  = "ufid:00000001-0002-0003-0004-000500060007"
	toWeb = "in_port(1),eth(),eth_type(0x0800),ipv4(frag=no)"
	back  = "in_port(2),eth(),eth_type(0x0800),ipv4(frag=no)"
	arp   = "in_port(1),eth(),eth_type(0x0806),arp()"
)

// shown are commands that show; both tools must say the same.
var shown = [][]string{
	{"dump-dps"}, {"show"}, {"show", "d0"}, {"show", "system@d0"}, {"show", "nosuch"},
	{"-s", "show"}, {"show", "-s", "d0"}, {"--statistics", "show", "d0"}, {"-t", "10", "show"},
	{"dump-flows"}, {"dump-flows", "d0"}, {"-m", "dump-flows", "d0"}, {"dump-flows", "--more", "d0"},
	{"dump-flows", "--names", "d0"}, {"dump-flows", "nosuch"},
	{"dump-flows", "d0", "filter=arp"}, {"dump-flows", "d0", "filter=in_port=p1"}, {"dump-flows", "d0", "filter=in_port=2"},
	{"dump-flows", "d0", "filter=ip,nw_src=10.0.0.1"}, {"dump-flows", "filter=tcp,tp_dst=80"}, {"dump-flows", "d0", "filter=tcp,tcp_dst=81"},
	{"dump-flows", "d0", "filter=dl_type=0x0806"}, {"dump-flows", "d0", "filter=ipv6"}, {"dump-flows", "d0", "filter=foo"},
	{"dump-flows", "d0", "filter=vlan_tci=0"}, {"dump-flows", "d0", "filter=recirc_id=0"}, {"dump-flows", "d0", "filter=recirc_id(0),in_port(2)"},
	{"get-flow", "d0", ufid}, {"-m", "get-flow", "d0", ufid}, {"get-flow", ufid}, {"get-flow", "d0", "ufid:00000001-0002-0003-0004-000500060008"},
	{"cache-get-size"}, {"cache-get-size", "d0"},
	{"ct-get-limits"}, {"ct-get-limits", "d0"}, {"ct-get-limits", "d0", "zone=5,9"},
	{"dump-conntrack"}, {"dump-conntrack", "d0"}, {"dump-conntrack", "-m", "d0"}, {"-s", "dump-conntrack", "d0"}, {"-m", "-s", "dump-conntrack", "d0", "zone=5"},
	{"dump-conntrack", "d0", "zone=6"},
	{"ct-stats-show"}, {"ct-stats-show", "d0", "zone=5"}, {"-m", "ct-stats-show", "d0"}, {"ct-stats-show", "d0", "verbose"}, {"ct-stats-show", "d0", "zone=6"},
	{"set-if", "d0", "p1"}, {"set-if", "d0", "p1,type=system"}, {"set-if", "d0", "p1,type=internal"}, {"set-if", "d0", "p1,port_no=1"},
	{"set-if", "d0", "p1,port_no=3"}, {"set-if", "d0", "nosuch,port_no=3"},
	{"--read-only", "del-flows", "d0"},
}

func TestShown(t *testing.T) {
	needLab(t)
	ours, theirs := tools(t)
	hosts(t)
	theirs.must(t, "add-dp", "d0", "p1", "p2")
	t.Cleanup(func() { ours.run(t, "del-dp", "d0", "--force") })
	theirs.must(t, "add-if", "d0", "int0,type=internal")
	for flow, actions := range map[string]string{
		arp: "2", "in_port(2),eth(),eth_type(0x0806),arp()": "1",
		ufid + "," + toWeb: "ct(commit,zone=5,mark=7,label=3),2", back: "ct(zone=5),1",
		"in_port(3),eth(),eth_type(0x0800),ipv4(proto=6),tcp(dst=80/0xfff0),tcp_flags(+syn-ack)": "drop",
		"in_port(3),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=128)":              "drop",
	} {
		ours.must(t, "add-flow", "d0", flow, actions)
	}
	theirs.must(t, "ct-set-limits", "d0", "default=1000", "zone=5,limit=70")
	t.Cleanup(func() { ours.run(t, "ct-del-limits", "default", "zone=5") })
	connections(t)
	// Those that were closed do not stay for long.
	same(t, "-m", "dump-conntrack", "d0")
	if out := ours.must(t, "-m", "dump-conntrack", "zone=5"); strings.Count(out, "\n") != 5 || !strings.Contains(out, "state_orig=CLOSE_WAIT") || !strings.Contains(out, "state_orig=CLOSING") {
		t.Errorf("not all kinds of connections are there:\n%s", out)
	}
	for _, words := range sample(shown, 3) {
		t.Run(strings.Join(words, " "), func(t *testing.T) { same(t, words...) })
	}
	tunnels(t, theirs)
}

// tunnels compares what is said about tunnel ports, but for counters.
func tunnels(t *testing.T, theirs tool) {
	t.Helper()
	for _, port := range []string{"gr0,type=gre,remote_ip=1.2.3.4", "vx0,type=vxlan,remote_ip=1.2.3.4,dst_port=4790", "vx1,type=vxlan,remote_ip=1.2.3.4", "gn0,type=geneve,remote_ip=1.2.3.4"} {
		if r := theirs.run(t, "add-if", "d0", port); r.status != 0 {
			t.Fatalf("add-if %s: %s", port, r.errs)
		}
	}
	t.Cleanup(func() { // they do not go with the datapath
		for _, dev := range []string{"gre_sys", "vxlan_sys_4790", "vxlan_sys_4789", "genev_sys_6081"} {
			tool("ip").run(t, "link", "del", dev)
		}
	})
	same(t, "show", "d0")
}

// did are commands that change something, step by step. After each both tools
// must have said the same and left the same; with -short what they left is looked
// at after every fifth.
var did = [][]string{
	{"add-dp", "d0", "p1"}, {"add-dp", "d0"}, {"add-if", "d0", "p2,port_no=7"}, {"add-if", "d0", "p2"}, {"add-if", "d0", "nosuch"}, {"add-if", "nosuch", "p2"},
	{"add-if", "d0", "int0,type=internal"}, {"del-if", "d0", "nosuch"}, {"del-if", "d0", "int0"}, {"del-if", "d0", "d0"},
	{"add-flow", "d0", toWeb, "7"}, {"add-flow", "d0", toWeb, "7"}, {"-s", "add-flow", "d0", arp, "7"},
	{"add-flow", "d0", ufid + "," + back, "1"}, {"add-flow", "d0", "in_port(1),nonsense()", "1"},
	{"mod-flow", "d0", toWeb, "0,7"}, {"-s", "mod-flow", "d0", toWeb, "7"}, {"-s", "--clear", "mod-flow", "d0", toWeb, "0"},
	{"mod-flow", "d0", "in_port(3),eth(),eth_type(0x0800),ipv4()", "0"}, {"--may-create", "mod-flow", "d0", "in_port(3),eth(),eth_type(0x0800),ipv4()", "0"},
	{"--may-create", "-s", "mod-flow", "d0", "in_port(3),eth(),eth_type(0x0800),ipv4()", "1"},
	{"mod-flow", "d0", ufid + "," + back, "0"},
	{"del-flow", "d0", "in_port(4),eth(),eth_type(0x0800),ipv4()"}, {"-s", "del-flow", "d0", arp}, {"-s", "del-flow", "d0", ufid}, {"del-flow", "d0", ufid},
	{"cache-set-size", "d0", "masks-cache", "1024"}, {"cache-set-size", "d0", "masks-cache", "500"}, {"cache-set-size", "d0", "masks-cache", "0"}, {"cache-set-size", "d0", "foo", "5"},
	{"ct-set-limits", "d0", "default=100", "zone=5,limit=7", "zone=6,limit=8"}, {"ct-set-limits", "d0", "zone=5"}, {"ct-set-limits", "d0", "zone=700000,limit=5"},
	{"ct-del-limits", "d0", "zone=5"}, {"ct-del-limits", "d0", "default", "zone=6"},
	{"flush-conntrack", "d0", "zone=6"}, {"flush-conntrack", "d0", "zone=5"}, {"flush-conntrack", "d0", "mark=7/7"}, {"flush-conntrack", "d0", "foo=5"}, {"flush-conntrack", "d0"},
	{"del-flows", "d0"}, {"del-dp", "d0"}, {"del-dp", "d0"}, {"frobnicate"},
}

func TestDid(t *testing.T) {
	needLab(t)
	ours, theirs := tools(t)
	hosts(t)
	t.Cleanup(func() { ours.run(t, "del-dp", "d0", "--force") })
	type step struct{ Out, State string }
	play := func(p tool) (steps []step, statuses []int) {
		// Connections of other tests would count in the limits.
		must(t, "conntrack", "-F")
		for i, words := range did {
			r := p.run(t, words...)
			statuses = append(statuses, r.status)
			if testing.Short() && i%5 != 0 {
				steps = append(steps, step{Out: normal(r.out)})
				continue
			}
			// In what order flows come is up to their hash, which differs each time.
			flows := strings.Split(theirs.run(t, "-m", "--no-names", "dump-flows").out, "\n")
			slices.Sort(flows)
			state := theirs.run(t, "show").out + strings.Join(flows, "\n") + theirs.run(t, "ct-get-limits", "d0").out
			steps = append(steps, step{normal(r.out), normal(state)})
		}
		return steps, statuses
	}
	want, wantStatus := play(theirs)
	got, gotStatus := play(ours)
	for i, words := range did {
		if d := cmp.Diff(want[i], got[i]); d != "" {
			t.Errorf("%q (-theirs +ours):\n%s", words, d)
		}
		if (wantStatus[i] == 0) != (gotStatus[i] == 0) {
			t.Errorf("%q: status %d of theirs, %d of ours", words, wantStatus[i], gotStatus[i])
		}
	}
}

// sorted brings the lines of a dump into one order.
func sorted(dump string) string {
	lines := strings.Split(normal(dump), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestFiles plays a file of flows that both tools understand.
func TestFiles(t *testing.T) {
	needLab(t)
	ours, theirs := tools(t)
	const udp = "in_port(0),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=%)"
	flow := func(port string) string { return strings.Replace(udp, "%", port, 1) }
	file := filepath.Join(t.TempDir(), "flows")
	lines := []string{
		"# a comment", flow("1") + " 0", "add " + flow("2") + " 0,0", "", "modify " + flow("1") + " 0,0,0", "add " + ufid + "," + flow("3") + " 0",
		"delete " + flow("2"), "nonsense",
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var dumps []string
	for _, p := range []tool{theirs, ours} {
		ours.must(t, "add-dp", "d0")
		t.Cleanup(func() { ours.run(t, "del-dp", "d0", "--force") })
		r := p.run(t, "add-flows", "d0", file)
		if p == ours && (r.status != 1 || !strings.Contains(r.errs, "line 8: ") || !strings.Contains(r.errs, "add-flows d0: 3 added, 1 changed, 1 deleted, 1 failed")) {
			t.Errorf("status %d, %s", r.status, r.errs)
		}
		dumps = append(dumps, sorted(theirs.must(t, "-m", "dump-flows", "d0")))
		if p == theirs {
			ours.must(t, "del-dp", "d0")
		}
	}
	if d := cmp.Diff(dumps[0], dumps[1]); d != "" {
		t.Errorf("(-theirs +ours):\n%s", d)
	}
	// And our own dump goes in again, which the other tool cannot.
	dump := ours.must(t, "-m", "--no-names", "dump-flows", "d0")
	if err := os.WriteFile(file, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	ours.must(t, "mod-flows", "d0", file)
	ours.must(t, "del-flows", "d0", file)
	if left := ours.must(t, "dump-flows", "d0"); left != "" {
		t.Errorf("left: %s", left)
	}
	ours.must(t, "add-flows", file)
	if again := ours.must(t, "-m", "--no-names", "dump-flows", "d0"); sorted(again) != sorted(dump) {
		t.Errorf("got %s, want %s", again, dump)
	}
}
