// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/psample"
)

func TestAppendDatapath(t *testing.T) {
	dp := ovs.Datapath{
		Name: "br", UserFeatures: 0xa, MasksCacheSize: new(uint32(256)),
		Stats:         ovs.DatapathStats{Hit: 3, Missed: 6, Lost: 6, Flows: 2},
		MegaflowStats: &ovs.MegaflowStats{MaskHit: 15, Masks: 2},
	}
	ports := []ovs.Vport{
		{PortNo: 0, Name: "br", Type: ovs.VportInternal},
		{PortNo: 1, Name: "c0", Type: ovs.VportNetdev},
		{PortNo: 2, Name: "x", Type: ovs.VportVXLAN, Options: []byte{6, 0, 1, 0, 0xb5, 0x12, 0, 0}},
		{PortNo: 3, Name: "g", Type: ovs.VportGRE, Options: []byte{3, 0, 1, 0}},
		{PortNo: 4, Name: "n", Type: 9},
	}
	const want = `br:
  lookups: hit:3 missed:6 lost:6
  flows:2
  masks: hit:15 total:2 hit/pkt:1.666667
  caches:
    masks-cache: size:256
  features: 0xA
  port 0: br (internal)
  port 1: c0 (netdev)
  port 2: x (vxlan tnl-dport:4789)
  port 3: g (gre)
  port 4: n (type 9)
`
	if d := cmp.Diff(want, string(appendDatapath(nil, dp, ports))); d != "" {
		t.Error(d)
	}
	const bare = "br:\n  lookups: hit:0 missed:0 lost:0\n  flows:0\n  masks: hit:0 total:0 hit/pkt:0.000000\n  features: 0x0\n"
	if d := cmp.Diff(bare, string(appendDatapath(nil, ovs.Datapath{Name: "br"}, nil))); d != "" {
		t.Error(d)
	}
}

func TestAppendFlow(t *testing.T) {
	text := func(flow, actions string) ovs.Flow {
		spec, err := parseFlow(flow, &actions)
		if err != nil {
			t.Fatal(err)
		}
		return ovs.Flow{UFID: spec.UFID, Match: spec.Match, Actions: spec.Actions}
	}
	never := text("ufid:b028cc99-9bd1-4d6e-9217-12340bb6bcc4,in_port(1),eth(),eth_type(0x0800),ipv4(proto=17),udp(dst=53)", "drop")
	used := text("in_port(1),eth(),eth_type(0x0806),arp()", "trunc(14),psample(group=7,cookie=c0ffee)")
	used.Packets, used.Bytes, used.UsedMS = 3, 126, 1000
	future := used
	future.UsedMS = 9000
	for _, tt := range []struct {
		f       ovs.Flow
		verbose bool
		want    string
	}{
		{never, false, "in_port(1),eth(),eth_type(0x0800),ipv4(proto=17/255,,,),udp(dst=53/65535), packets:0, bytes:0, used:never, actions:drop"},
		{never, true, "ufid:b028cc99-9bd1-4d6e-9217-12340bb6bcc4,in_port(1),eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00)," +
			"eth_type(0x0800),ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=17/255,tos=0/0,ttl=0/0,frag=0/0),udp(src=0/0,dst=53/65535), packets:0, bytes:0, used:never, actions:drop"},
		{used, false, "in_port(1),eth(),eth_type(0x0806),arp(), packets:3, bytes:126, used:1.022s, actions:trunc(14),psample(group=7,cookie(c0ffee))"},
		{future, false, "in_port(1),eth(),eth_type(0x0806),arp(), packets:3, bytes:126, used:0.000s, actions:trunc(14),psample(group=7,cookie(c0ffee))"},
	} {
		if d := cmp.Diff(tt.want, string(appendFlow(nil, tt.f, tt.verbose, 2022))); d != "" {
			t.Error(d)
		}
	}
}

// arpKey is the key of an upcall, as the kernel sends it.
func arpKey(t *testing.T) odp.Match {
	t.Helper()
	b, err := hex.DecodeString("0800030001000000" + "10000400" + "020000000001ffffffffffff" + "0600060008060000" +
		"1c000d00" + "ac1f6e01" + "ac1f6e14" + "0001" + "020000000001" + "000000000000" + "0000")
	if err != nil {
		t.Fatal(err)
	}
	m, err := odp.DecodeMatch(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestUpcallLine(t *testing.T) {
	const key = "in_port(1),eth(src=02:00:00:00:00:01,dst=FF:FF:FF:FF:FF:FF),eth_type(0x0806)," +
		"arp(sip=172.31.110.1,tip=172.31.110.20,op=1,sha=02:00:00:00:00:01,tha=00:00:00:00:00:00),"
	for _, tt := range []struct {
		u    ovs.Upcall
		want string
	}{
		{ovs.Upcall{Command: ovs.UpcallMiss, Packet: []byte{}, Key: arpKey(t)}, "MISS upcall[0/yes]: " + key},
		{ovs.Upcall{Command: ovs.UpcallMiss, Seq: 7, Key: arpKey(t)}, "MISS upcall[7/no]: " + key},
		{ovs.Upcall{Command: ovs.UpcallMiss}, "MISS upcall[0/no]: (none)"},
		{ovs.Upcall{Command: ovs.UpcallAction, Key: arpKey(t)}, "userspace action command"},
		{ovs.Upcall{Command: uapi.OVS_PACKET_CMD_EXECUTE}, "userspace execute command"},
		{ovs.Upcall{Command: 9}, "Unknown cmd: 9"},
	} {
		if got := upcallLine(tt.u); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestSampleLine(t *testing.T) {
	sample := func(data, cookie []byte, attrs ...uint16) *psample.Sample {
		s := &psample.Sample{Group: 1, Rate: 1<<32 - 1, Cookie: cookie, Data: data}
		for _, a := range attrs {
			s.SetHas(a, true)
		}
		return s
	}
	const rate, group, cookie = uapi.PSAMPLE_ATTR_SAMPLE_RATE, uapi.PSAMPLE_ATTR_SAMPLE_GROUP, uapi.PSAMPLE_ATTR_USER_COOKIE
	for want, s := range map[string]*psample.Sample{
		"rate:4294967295,group:1,cookie:c0ffee data:ffff00": sample([]byte{255, 255, 0}, []byte{0xc0, 0xff, 0xee}, rate, group, cookie),
		"rate:4294967295,group:1 data:01":                   sample([]byte{1}, nil, rate, group),
		"rate:4294967295,group:1,cookie:":                   sample(nil, []byte{}, rate, group, cookie),
		"data:01":                                           sample([]byte{1}, nil),
		"":                                                  sample(nil, nil),
	} {
		if got := sampleLine(s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// step is what a source hands out.
type step struct {
	u   ovs.Upcall
	s   *psample.Sample
	err error
}

// steps is a source that ends the context behind its last step. It notes what
// had been printed whenever it was asked.
type steps struct {
	list   []step
	cancel context.CancelFunc
	out    *bytes.Buffer
	seen   []string
}

func (s *steps) PID() uint32 { return 42 }

func (s *steps) next(ctx context.Context) (step, error) {
	s.seen = append(s.seen, s.out.String())
	if len(s.list) == 0 {
		s.cancel()
		return step{}, nl.ContextError(ctx)
	}
	st := s.list[0]
	s.list = s.list[1:]
	return st, st.err
}

func (s *steps) Receive(ctx context.Context) (ovs.Upcall, error) {
	st, err := s.next(ctx)
	return st.u, err
}

func (s *steps) Next(ctx context.Context) (*psample.Sample, error) {
	st, err := s.next(ctx)
	return st.s, err
}

// listen runs a listening command over a source.
func listen(t *testing.T, list []step, f func(*cobra.Command, *steps) error) (status int, out, errs string, seen []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var o, e bytes.Buffer
	src := &steps{list: list, cancel: cancel, out: &o}
	root := &cobra.Command{Use: "tool", RunE: func(cmd *cobra.Command, _ []string) error { return f(cmd, src) }}
	status = cli.Run(ctx, root, nil, cli.Streams{Out: &o, Err: &e})
	return status, o.String(), e.String(), src.seen
}

func upcallLoop(cmd *cobra.Command, src *steps) error {
	return session{tool: new(tool), cmd: cmd}.upcalls(src)
}

func sampleLoop(cmd *cobra.Command, src *steps) error { return samples(cmd, src) }

// TestListen: every line is out before the next one is waited for, what is lost
// is told, and an interruption is a success.
func TestListen(t *testing.T) {
	action := ovs.Upcall{Command: ovs.UpcallAction}
	bad := &nl.Error{Op: "receive upcall", Err: errors.New("packet message: no key")}
	status, out, errs, seen := listen(t, []step{{u: action}, {err: ovs.ErrUpcallsLost}, {err: bad}, {u: action}}, upcallLoop)
	const head, line = "listening on upcall packet handler: 42\n", "userspace action command\n"
	if status != 0 || out != head+line+line {
		t.Errorf("status %d, %q", status, out)
	}
	if want := []string{head, head + line, head + line, head + line, head + line + line}; !cmp.Equal(seen, want) {
		t.Errorf("lines are late: %s", cmp.Diff(want, seen))
	}
	if strings.Count(errs, "\n") != 2 || !strings.Contains(errs, "upcalls lost") || !strings.Contains(errs, "no key") {
		t.Errorf("stderr %q", errs)
	}
	status, _, errs, _ = listen(t, []step{{err: &nl.Error{Op: "receive upcall", Err: syscall.EBADF}}}, upcallLoop)
	if status != cli.ExitFailed || !strings.Contains(errs, "bad file descriptor") {
		t.Errorf("a socket that is broken: status %d, %q", status, errs)
	}

	smp := &psample.Sample{Data: []byte{1}}
	status, out, errs, seen = listen(t, []step{{s: smp}, {err: &psample.LossError{}}, {s: smp}}, sampleLoop)
	const events = "listening for psample events\n"
	if status != 0 || out != events+"data:01\ndata:01\n" || len(seen) != 4 || seen[0] != events || seen[1] != events+"data:01\n" {
		t.Errorf("status %d, %q, %q", status, out, seen)
	}
	if strings.Count(errs, "\n") != 1 {
		t.Errorf("stderr %q", errs)
	}
	if status, _, _, _ = listen(t, []step{{err: syscall.EBADF}}, sampleLoop); status != cli.ExitFailed {
		t.Errorf("a socket that is broken: status %d", status)
	}
}
