// SPDX-License-Identifier: Apache-2.0

package odpdiff

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/odptest"
)

var (
	seed  = flag.Uint64("seed", 1, "which random flows and actions")
	count = flag.Int("count", 4000, "how many flows, each with a list of actions")
)

// batch bounds what one process is given.
const batch = 2000

// failures ends a test that fails all the time.
type failures struct {
	*testing.T
	n int
}

func (f *failures) report(format string, args ...any) {
	f.Helper()
	f.Errorf(format, args...)
	if f.n++; f.n >= 40 {
		f.Fatal("and so on")
	}
}

// sample is one random flow.
type sample struct {
	match   odp.Match
	actions odp.Actions
	wire
}

// samples makes n flows and counts what is in them.
func samples(t *testing.T, n int, flows, actions *odptest.Gen, seen odptest.Coverage) []sample {
	t.Helper()
	var list []sample
	for range n {
		s := sample{match: flows.Match(), actions: actions.Actions()}
		var err error
		if s.wire, err = wireOf(s.match, s.actions); err != nil {
			t.Fatal(err)
		}
		if err := seen.Match(s.match); err != nil {
			t.Fatal(err)
		}
		if err := seen.Actions(s.actions); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

func wires(list []sample) []wire {
	var ws []wire
	for _, s := range list {
		ws = append(ws, s.wire)
	}
	return ws
}

// counts are how often each attribute was printed by both tools, and how often
// read by both.
type counts struct{ printed, read odptest.Coverage }

// TestCorpus takes random flows through the tool. Of each
//
//   - its text of the netlink form must be ours, without and with -m;
//   - what it sends for our text, lossless and plain, must be the netlink form
//     that we make of the same text, and for the lossless text the very flow;
//   - what we read of its text must be what it sends for it.
//
// Half of the flows are such that it can read them at all. Of the others it is
// asked to print only, and we must read what it printed such that it is printed
// so again. In the end the lists of actions that only a userspace datapath has,
// which have no netlink form, go through it as text.
func TestCorpus(t *testing.T) {
	o := newTool(t)
	f := &failures{T: t}
	t.Logf("seed %d, %d flows", *seed, *count)
	seen := counts{odptest.Coverage{}, odptest.Coverage{}}
	for at := 0; at < *count; at += batch {
		n := min(batch, *count-at)
		s := *seed<<16 + uint64(at/batch)
		both(f, o, s, (n+1)/2, seen)
		printOnly(f, o, s, n/2, seen.printed)
		userspaceOnly(f, o, s, n/10, seen)
	}
	report(t, seen)
}

// both takes flows that the tool reads through it in both directions.
func both(f *failures, o *tool, seed uint64, n int, seen counts) {
	list := samples(f.T, n, odptest.New(seed, odptest.Options{Tame: true}),
		odptest.New(seed+1, odptest.Options{Tame: true, Kernel: true}), seen.read)
	comparePrints(f, o, list, seen.printed)
	for _, opt := range []odp.TextOptions{{Lossless: true}, {}, {Verbose: true}} {
		var texts []text
		var of []sample
		for _, s := range list {
			txt := text{string(s.match.AppendText(nil, opt)), string(s.actions.AppendText(nil, opt))}
			if txt.flow == "" {
				continue // all of it is wildcards, which without -m are not shown
			}
			texts, of = append(texts, txt), append(of, s)
		}
		for i, g := range o.read(texts) {
			compareRead(f, texts[i], of[i], g, opt.Lossless)
		}
	}
}

// comparePrints holds our text of flows against the tool's.
func comparePrints(f *failures, o *tool, list []sample, seen odptest.Coverage) {
	plain, verbose := o.print(wires(list))
	for i, s := range list {
		for _, c := range []struct {
			opt  odp.TextOptions
			want text
		}{{odp.TextOptions{}, plain[i]}, {odp.TextOptions{Verbose: true}, verbose[i]}} {
			if got := string(s.match.AppendText(nil, c.opt)); got != c.want.flow {
				f.report("key %x mask %x prints as\n     %s\nnot  %s", s.key, s.mask, got, c.want.flow)
			}
			got := string(s.actions.AppendText(nil, c.opt))
			if !o.same(got, c.want.actions) {
				f.report("actions %x print as\n     %s\nnot  %s", s.wire.actions, got, c.want.actions)
			}
		}
		_ = seen.Match(s.match) // counted by samples before, so it can be
		_ = seen.Actions(s.actions)
	}
}

// same tells whether two texts of actions are the same, but for what 3.5 prints
// otherwise than 4.0.
func (o *tool) same(a, b string) bool {
	return a == b || o.old && withoutContext(a) == withoutContext(b)
}

// compareRead holds what the tool sends for a text against what we make of it.
func compareRead(f *failures, txt text, of sample, g got, lossless bool) {
	if g.refused != "" {
		f.report("%s %s is refused: %s", txt.flow, txt.actions, g.refused)
		return
	}
	_, m, err := odp.ParseFlow(txt.flow, nil)
	if err != nil {
		f.report("we refuse %s: %v", txt.flow, err)
		return
	}
	as, err := odp.ParseActions(txt.actions, nil)
	if err != nil {
		f.report("we refuse %s: %v", txt.actions, err)
		return
	}
	w, err := wireOf(m, as)
	if err != nil {
		f.report("%v", err)
		return
	}
	ours, ourActions, err := normal(asSent(w))
	if err != nil {
		f.report("%s %s: %v", txt.flow, txt.actions, err)
		return
	}
	theirs, theirActions, err := normal(g.wire)
	if err != nil {
		f.report("%s %s: sent as what does not decode: %v", txt.flow, txt.actions, err)
		return
	}
	if ours != theirs {
		f.report("%s is\n     %s\nnot  %s", txt.flow, ours, theirs)
	}
	if ourActions != theirActions {
		f.report("%s is\n     %s\nnot  %s", txt.actions, ourActions, theirActions)
	}
	if !lossless {
		return
	}
	was, wasActions, err := normal(asSent(of.wire))
	if err != nil || was != theirs || wasActions != theirActions {
		f.report("%s %s comes back as\n     %s %s\nnot  %s %s (%v)", txt.flow, txt.actions, theirs, theirActions, was, wasActions, err)
	}
}

// printOnly has the tool print what it cannot read.
func printOnly(f *failures, o *tool, seed uint64, n int, seen odptest.Coverage) {
	list := samples(f.T, n, odptest.New(seed+2, odptest.Options{}), odptest.New(seed+3, odptest.Options{Kernel: true}), odptest.Coverage{})
	comparePrints(f, o, list, seen)
	_, verbose := o.print(wires(list))
	for i, s := range verbose {
		_, m, err := odp.ParseFlow(s.flow, nil)
		if err != nil {
			f.report("we refuse %s: %v", s.flow, err)
		} else if again := string(m.AppendText(nil, odp.TextOptions{Verbose: true})); withoutContext(again) != withoutContext(s.flow) {
			f.report("%s changes to\n%s", s.flow, again)
		}
		if !readable(list[i].actions) {
			continue
		}
		as, err := odp.ParseActions(s.actions, nil)
		if err != nil {
			f.report("we refuse %s: %v", s.actions, err)
		} else if again := as.String(); !o.same(withoutFull(again), withoutFull(s.actions)) {
			f.report("%s changes to\n%s", s.actions, again)
		}
	}
}

// userspaceOnly takes lists with actions of the userspace datapath through the
// tool, as text.
func userspaceOnly(f *failures, o *tool, seed uint64, n int, seen counts) {
	g := odptest.New(seed+4, odptest.Options{Tame: true})
	var lists []odp.Actions
	var texts []string
	for len(lists) < n {
		as := g.Actions()
		if as.CheckKernel() == nil {
			continue
		}
		lists, texts = append(lists, as), append(texts, as.String())
	}
	for i, want := range o.again(texts) {
		if want != texts[i] {
			f.report("%s is printed as\n%s", texts[i], want)
		}
		as, err := odp.ParseActions(texts[i], nil)
		if err != nil || as.String() != texts[i] {
			f.report("%s is read as\n%s, %v", texts[i], as, err)
		}
		for _, c := range []odptest.Coverage{seen.printed, seen.read} {
			if err := c.Actions(lists[i]); err != nil {
				f.Fatal(err)
			}
		}
	}
}

// report prints the table of what was exercised, and wants each at least twenty
// times in each direction.
func report(t *testing.T, seen counts) {
	const want = 20
	var b strings.Builder
	for _, name := range odptest.Names() {
		reason := unread[name]
		fmt.Fprintf(&b, "%-42s %7d %7d  %s\n", name, seen.printed[name], seen.read[name], reason)
		if seen.printed[name] < want {
			t.Errorf("%s: printed %d times, want %d", name, seen.printed[name], want)
		}
		switch {
		case reason == "" && seen.read[name] < want:
			t.Errorf("%s: read %d times, want %d", name, seen.read[name], want)
		case reason != "" && seen.read[name] > 0:
			t.Errorf("%s: read %d times, although %s", name, seen.read[name], reason)
		}
	}
	b.WriteString("Not among them: UNSPEC and PAD, which mean nothing, and OVS_KEY_ATTR_TUNNEL_INFO, the kernel's own.\n")
	t.Logf("%-42s %7s %7s\n%s", "times", "printed", "read", b.String())
}

// unread are attributes that are in no text the tool reads; it prints most of
// them. docs/odp-grammar.md has all that it does not read of its own.
var unread = map[string]string{
	"OVS_ACTION_ATTR_DEC_TTL":              "dec_ttl(...) is printed only",
	"OVS_ACTION_ATTR_DROP":                 "drop is printed without its reason, and read as no action by 3.5",
	"OVS_ACTION_ATTR_HASH":                 "hash(...) is printed only",
	"OVS_ACTION_ATTR_POP_ETH":              "pop_eth is printed only",
	"OVS_ACTION_ATTR_POP_MPLS":             "pop_mpls(...) is printed only",
	"OVS_ACTION_ATTR_PUSH_ETH":             "push_eth(...) is printed only",
	"OVS_ACTION_ATTR_PUSH_MPLS":            "push_mpls(...) is printed only",
	"OVS_ACTION_ATTR_RECIRC":               "recirc(0xN) is printed, recirc(N) read (TestSpellings)",
	"OVS_CT_ATTR_EVENTMASK":                "neither printed nor read",
	"OVS_DEC_TTL_ATTR_ACTION":              "dec_ttl(...) is printed only",
	"OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6":      "its ports are printed as src_port and dst_port, read as tp_src and tp_dst (TestSpellings)",
	"OVS_KEY_ATTR_IPV6_EXTHDRS":            "printed by number, younger than the tool",
	"OVS_KEY_ATTR_ND_EXTENSIONS":           "nd_ext(...) is printed only",
	"OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE": "neither printed nor read, the number is gtpu's",
}
