// SPDX-License-Identifier: Apache-2.0

package dpctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/selftests/proc"
)

func checkJSON(t *testing.T, schema, doc string) {
	t.Helper()
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", schema+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check([]byte(doc)); err != nil {
		t.Errorf("%s: %v in %s", schema, err, doc)
	}
}

// TestJSON holds what the tool really prints against its schemas.
func TestJSON(t *testing.T) {
	needLab(t)
	ours, _ := tools(t)
	hosts(t)
	ours.must(t, "add-dp", "d0", "p1", "p2")
	t.Cleanup(func() { ours.run(t, "del-dp", "d0", "--force") })
	for flow, actions := range map[string]string{
		"in_port(1),eth(),eth_type(0x0806),arp()": "2", "in_port(2),eth(),eth_type(0x0806),arp()": "1",
		ufid + "," + toWeb: "ct(commit,zone=5,mark=7,label=3),meter(1),2", back: "ct(zone=5),1",
	} {
		if strings.Contains(actions, "meter") {
			ours.must(t, "add-meter", "d0", "meter=1,pktps,band=type=drop,rate=1000,burst_size=10")
		}
		ours.must(t, "add-flow", "d0", flow, actions)
	}
	ours.must(t, "ct-set-limits", "d0", "default=1000", "zone=5,limit=70")
	t.Cleanup(func() { ours.run(t, "ct-del-limits", "default", "zone=5") })
	connections(t)
	for _, tt := range []struct{ schema, words, has string }{
		{"ovs-datapaths", "show", `"name":"p2"`}, {"ovs-datapaths", "dump-dps", `"name":"d0"`},
		{"ovs-flows", "dump-flows d0", `"arp"`}, {"ovs-flows", "dump-flows d0 filter=ipv6", `[]`}, {"ovs-flows", "get-flow " + ufid, `"meter"`},
		{"ovs-caches", "cache-get-size", "masks-cache"}, {"ovs-meters", "dump-meters d0", `"id":1`}, {"ovs-meters", "dump-meters d0 meter=2-7", `[]`},
		{"ovs-meter-features", "meter-features", `"max_bands"`}, {"ovs-ct-limits", "ct-get-limits zone=5", `"zone":-1`},
		{"ovs-conntrack", "dump-conntrack", `"state":"ESTABLISHED"`}, {"ovs-ct-stats", "ct-stats-show", `"ESTABLISHED"`},
		{"ovs-doctor", "doctor", `"ovs_datapath"`}, {"ovs-doctor", "doctor --probe", `"area":"feature"`},
	} {
		for _, flag := range []string{"-j", "-p"} {
			out := ours.must(t, append(strings.Fields(tt.words), flag)...)
			if flag == "-j" && !strings.Contains(out, tt.has) {
				t.Errorf("%s: no %s in %s", tt.words, tt.has, out)
			}
			checkJSON(t, tt.schema, out)
		}
	}
	if out := ours.must(t, "dump-meters"); !strings.Contains(out, "meter:1 packet_in_count:") || strings.Contains(out, "packet_in_count:0 ") {
		t.Errorf("the meter saw nothing: %s", out)
	}
	ours.must(t, "mod-meter", "meter=1,kbps,band=type=drop,rate=5")
	ours.must(t, "-s", "del-meter", "d0", "meter=1")
	if r := ours.run(t, "mod-meter", "meter=1,kbps,band=type=drop,rate=5"); r.status != 1 || !strings.Contains(r.errs, "no meter of this number") {
		t.Errorf("status %d: %s", r.status, r.errs)
	}
}

// TestStreams: monitor and upcalls print what happens, in text and JSON.
func TestStreams(t *testing.T) {
	needLab(t)
	ours, _ := tools(t)
	hosts(t)
	for _, tt := range []struct {
		flags []string
		want  []string
	}{
		{nil, []string{
			" new datapath system@d0", " new port 1 of system@d0: p1", " new port 2 of system@d0: int0 (internal)",
			" new flow of system@d0: in_port(1),eth(),eth_type(0x0806), packets:0", " deleted flow of system@d0: ", " deleted port 2 of system@d0: int0 (internal)", " deleted datapath system@d0",
		}},
		{[]string{"-j"}, []string{
			`"event":"new","object":"datapath"`, `"object":"vport"`, `"name":"int0"`, `"object":"flow"`, `"event":"deleted","object":"flow"`, `"event":"deleted","object":"vport"`, `"event":"deleted","object":"datapath"`,
		}},
	} {
		m := stream(t, ours, append([]string{"monitor", "--flows"}, tt.flags...)...)
		ours.must(t, "add-dp", "d0", "p1")
		ours.must(t, "add-if", "d0", "int0,type=internal")
		ours.must(t, "add-flow", "d0", arp, "drop")
		ours.must(t, "del-flow", "d0", arp)
		ours.must(t, "del-if", "d0", "int0")
		ours.must(t, "del-dp", "d0")
		out := m.end(t, tt.want[len(tt.want)-1])
		rest := out
		for _, want := range tt.want {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Errorf("no %q at its place in\n%s", want, out)
				continue
			}
			rest = after
		}
		if tt.flags != nil {
			for line := range strings.Lines(out) {
				checkJSON(t, "ovs-events", line)
			}
		}
	}
	for _, flags := range [][]string{nil, {"-j"}, {"-m"}} {
		ours.must(t, "add-dp", "d0", "p2")
		u := stream(t, ours, append([]string{"upcalls", "d0", "p1", "p2"}, flags...)...)
		must(t, "sh", "-c", "ip netns exec h1 ping -q -c 1 -W 1 10.0.0.2 || true")
		out := u.end(t, "10.0.0.1 > 10.0.0.2: ICMP echo request")
		want := " miss "
		if flags != nil && flags[0] == "-j" {
			want = `"command":"miss"`
			for line := range strings.Lines(out) {
				checkJSON(t, "ovs-upcalls", line)
			}
		}
		if !strings.Contains(out, want) {
			t.Errorf("%v: no %q in %s", flags, want, out)
		}
		// What was added is gone, and what was there has no receiver again.
		if show := ours.must(t, "show", "-j"); strings.Contains(show, `"p1"`) || !strings.Contains(show, `"name":"p2","type":"netdev","ifindex":`) || strings.Count(show, `"upcall_pid":[0]`) != 2 {
			t.Errorf("after upcalls: %s", show)
		}
		ours.must(t, "del-dp", "d0")
	}
}

// running is a command that prints what happens.
type running struct{ p *proc.Proc }

func stream(t *testing.T, p tool, words ...string) running {
	t.Helper()
	proc, err := proc.Start(proc.Options{}, append([]string{string(p)}, words...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proc.Kill)
	if err := proc.WaitStderr(t.Context(), "ready"); err != nil {
		t.Fatal(err)
	}
	return running{proc}
}

// end waits for text in the output, interrupts the command and gives its output.
func (r running) end(t *testing.T, text string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(r.p.Stdout(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %s%s", text, r.p.Stdout(), r.p.Stderr())
		}
	}
	if err := r.p.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	status, err := r.p.WaitEnd(t.Context())
	if err != nil || status != 0 {
		t.Errorf("status %d, %v: %s", status, err, r.p.Stderr())
	}
	return r.p.Stdout()
}
