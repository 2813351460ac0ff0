// SPDX-License-Identifier: Apache-2.0

package odpdiff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/odptest"
	"github.com/dpscope/dpscope/selftests"
)

var installed = flag.Int("installed", 1500, "how many flows are tried on the kernel")

// attempt is a flow that is given to the kernel by both tools.
type attempt struct {
	match   odp.Match
	actions odp.Actions
	read    bool // the tool reads its text
	err     error
	said    []string // what the kernel logged about it
}

func (a attempt) text() text {
	opt := odp.TextOptions{Lossless: true}
	return text{string(a.match.AppendText(nil, opt)), string(a.actions.AppendText(nil, opt))}
}

// attempts makes plausible flows, and as every eighth one with keys or actions
// of any kind, which the kernel refuses.
func attempts(t testing.TB, n int) []attempt {
	t.Helper()
	p := plausible{rand.New(rand.NewPCG(*seed, 0x6f76))}
	random := odptest.New(*seed, odptest.Options{Tame: true, Kernel: true})
	var list []attempt
	for i := range n {
		flow, l := p.flow()
		actions, read := p.actions(l, 0)
		_, m, err := odp.ParseFlow(flow, nil)
		if err != nil {
			t.Fatalf("%s: %v", flow, err)
		}
		as, err := odp.ParseActions(actions, nil)
		if err != nil {
			t.Fatalf("%s: %v", actions, err)
		}
		switch i % 16 {
		case 7:
			m = random.Match()
		case 15:
			as, read = random.Actions(), true
		}
		list = append(list, attempt{match: m, actions: as, read: read})
	}
	return list
}

func idOf(i int) odp.UFID {
	return append(binary.NativeEndian.AppendUint32(nil, uint32(i)), make([]byte, 12)...)
}

// plain runs the tool on the kernel there is.
func plain(t *testing.T, stdin string, args ...string) (out, messages []string) {
	t.Helper()
	c := exec.Command(*reference, append([]string{"-voff", "--no-names"}, args...)...)
	c.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", *reference, strings.Join(args, " "), err, stderr.Bytes())
	}
	return lines(stdout.Bytes()), lines(stderr.Bytes())
}

// TestInstalled gives the kernel the same flows by us and by the tool, each to a
// datapath of its own: both are refused the same with the same error, what one
// added the other dumps as we print it, and the two datapaths hold the same.
func TestInstalled(t *testing.T) {
	if os.Getenv("DPLAB_KERNEL") == "" {
		t.Skip("makes datapaths: run it in a lab guest (.ci/test-odpdiff does)")
	}
	t.Logf("seed %d, %d flows", *seed, *installed)
	c, err := ovs.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	datapath := func(name string) ovs.Datapath {
		dp, err := c.AddDatapath(t.Context(), ovs.DatapathConfig{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if out, err := exec.Command(*reference, "del-dp", name).CombinedOutput(); err != nil {
				t.Errorf("del-dp %s: %v %s", name, err, out)
			}
		})
		return dp
	}
	ours, theirs := datapath("ours"), datapath("theirs")
	list := attempts(t, *installed)
	f := &failures{T: t}

	log := openLog(t)
	var given []int // what the tool reads
	for i := range list {
		a := &list[i]
		a.err = c.AddFlow(t.Context(), ours, ovs.FlowSpec{Match: a.match, Actions: a.actions, UFID: idOf(i)})
		a.said = log.complaints()
		if a.read {
			given = append(given, i)
		}
	}
	var messages, said []string
	for part := range slices.Chunk(given, 60) { // so that the kernel's log holds what it says
		var in strings.Builder
		for _, i := range part {
			s := list[i].text()
			fmt.Fprintf(&in, "ufid:%s,%s %s\n", idOf(i), s.flow, s.actions)
		}
		_, m := plain(t, in.String(), "add-flows", "theirs", "-")
		messages, said = append(messages, m...), append(said, log.complaints()...)
	}

	oursThere, theirsThere := flowsOf(t, c, ours), flowsOf(t, c, theirs)
	compareRefusals(f, list, given, theirsThere, messages, said)
	compareDump(f, "ours", oursThere)
	compareDump(f, "theirs", theirsThere)
	for _, i := range given {
		id := idOf(i).String()
		a, ok := oursThere[id]
		b, also := theirsThere[id]
		if !ok || !also {
			continue // compareRefusals has it
		}
		w1, w2 := mustWire(t, a), mustWire(t, b)
		m1, as1, err1 := normal(w1)
		m2, as2, err2 := normal(w2)
		if err := errors.Join(err1, err2); err != nil || m1 != m2 || as1 != as2 {
			s := list[i].text()
			f.report("%s %s: as we added it\n     %s %s\nby the tool\n     %s %s (%v)", s.flow, s.actions, m1, as1, m2, as2, err)
		}
	}
	if len(theirsThere) < len(given)/3 {
		t.Errorf("the kernel took %d of %d flows only: that proves little", len(theirsThere), len(given))
	}
	seen := odptest.Coverage{}
	for _, fl := range oursThere {
		if err := errors.Join(seen.Match(fl.Match), seen.Actions(fl.Actions)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ours added %d of %d, the tool %d of the %d it reads\n%s", len(oursThere), len(list), len(theirsThere), len(given), seen.Table())
}

func flowsOf(t *testing.T, c *ovs.Client, dp ovs.Datapath) map[string]ovs.Flow {
	t.Helper()
	there := map[string]ovs.Flow{}
	for fl, err := range c.Flows(t.Context(), dp, ovs.FlowDump{}) {
		if err != nil {
			t.Fatal(err)
		}
		there[fl.UFID.String()] = fl.Clone()
	}
	return there
}

func mustWire(t *testing.T, fl ovs.Flow) wire {
	t.Helper()
	w, err := wireOf(fl.Match, fl.Actions)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var kernelLine = regexp.MustCompile(`^ufid:([0-9a-f-]+), (.*), packets:\d+, bytes:\d+, used:[^,]*(?:, flags:[^ ]*)?(?:, dp:ovs)?, actions:(.*)$`)

// compareDump holds the tool's dump of a datapath against our text of the same.
func compareDump(f *failures, name string, there map[string]ovs.Flow) {
	out, _ := plain(f.T, "", "-m", "dump-flows", name)
	if len(out) != len(there) {
		f.report("%s: the tool dumps %d flows, we %d", name, len(out), len(there))
	}
	for _, l := range out {
		part := kernelLine.FindStringSubmatch(l)
		if part == nil {
			f.report("the tool prints a line of another form: %s", l)
			continue
		}
		fl := there[part[1]]
		if got := string(fl.Match.AppendText(nil, odp.TextOptions{Verbose: true})); got != part[2] {
			f.report("%s prints as\n     %s\nnot  %s", part[1], got, part[2])
		}
		if got := fl.Actions.String(); withoutContext(got) != withoutContext(part[3]) {
			f.report("%s prints as\n     %s\nnot  %s", part[1], got, part[3])
		}
	}
}

var because = regexp.MustCompile(`^ovs-dpctl: updating flow table \((.*)\)$`)

// compareRefusals wants both tools to be refused alike, with the same error and
// the same words in the kernel's log. Complaints come in the order of the flows.
func compareRefusals(f *failures, list []attempt, given []int, there map[string]ovs.Flow, messages, said []string) {
	reasons := map[string]int{}
	var before []string
	for _, i := range given {
		a := list[i]
		s := a.text()
		before = append(before, a.said...)
		if _, ok := there[idOf(i).String()]; ok {
			if a.err != nil {
				f.report("%s %s: taken from the tool, not from us: %v", s.flow, s.actions, a.err)
			}
			continue
		}
		if len(messages) == 0 {
			f.Fatal("fewer complaints of the tool than flows it could not add")
		}
		message := messages[0]
		messages = messages[1:]
		reason := because.FindStringSubmatch(message)
		var no syscall.Errno
		switch {
		case reason == nil:
			f.report("%s %s: not given to the kernel: %s", s.flow, s.actions, message)
		case !errors.As(a.err, &no):
			f.report("%s %s: taken from us or not sent (%v), refused to the tool: %s", s.flow, s.actions, a.err, message)
		case !strings.EqualFold(no.Error(), reason[1]):
			f.report("%s %s: to us %v, to the tool %s", s.flow, s.actions, a.err, message)
		default:
			reasons[no.Error()+": "+reasonOf(a.said)]++
		}
	}
	if len(messages) > 0 {
		f.report("more complaints of the tool than flows: %q", messages)
	}
	for i := range max(len(before), len(said)) {
		if i >= len(before) || i >= len(said) || before[i] != said[i] {
			f.report("complaint %d of the kernel's log: %d to us %q, %d to the tool %q", i, len(before), before[min(i, len(before)):min(i+2, len(before))], len(said), said[min(i, len(said)):min(i+2, len(said))])
			break
		}
	}
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		f.Logf("refused alike %4d times: %s", reasons[r], r)
	}
}

var numbers = regexp.MustCompile(`\b(?:0x)?[0-9a-f]*[0-9][0-9a-f]*\b`)

// reasonOf is what the kernel said, without the numbers at hand.
func reasonOf(said []string) string {
	if len(said) == 0 {
		return "it does not say why"
	}
	return numbers.ReplaceAllString(said[0], "N")
}

// complaintLog is what the openvswitch module writes to the kernel's log.
type complaintLog struct {
	t   *testing.T
	log selftests.KernelLog
}

func openLog(t *testing.T) complaintLog {
	t.Helper()
	// It says no more than a few words every five seconds otherwise.
	if err := os.WriteFile("/proc/sys/net/core/message_cost", []byte("0"), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := selftests.OpenKernelLog()
	if err != nil {
		t.Fatal(err)
	}
	return complaintLog{t, log}
}

func (l complaintLog) complaints() []string {
	l.t.Helper()
	messages, err := l.log.Next()
	if err != nil {
		l.t.Fatal(err)
	}
	var list []string
	for _, m := range messages {
		if what, ok := strings.CutPrefix(m, "openvswitch: "); ok {
			list = append(list, strings.TrimPrefix(what, "netlink: "))
		}
	}
	return list
}
