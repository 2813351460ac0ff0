// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

// do runs a command line.
func do(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = cli.Run(t.Context(), New("ovs-dpctl.py"), args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return status, o.String(), e.String()
}

// TestUsage has command lines that end before any kernel is asked.
func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args   string // words separated by blanks
		status int
		want   string // in the one line on stderr; none is no output at all
	}{
		{"", 0, ""},
		{"-v", 0, ""},
		{"-v -v", 0, ""},
		{"-vv", 0, ""},
		{"--verb", 0, ""},
		{"frob", 2, `unknown command "frob"`},
		{"--frob", 2, "unknown flag: --frob"},
		{"show a b", 2, "accepts at most 1 arg(s), received 2"},
		{"show -v", 2, "unknown shorthand flag: 'v' in -v"},
		{"add-dp", 2, "accepts 1 arg(s), received 0"},
		{"add-dp dp0 -V", 2, "flag needs an argument: 'V' in -V"},
		// The Python tool finds these out too late for a usage error.
		{"add-dp dp0 -V x", 1, `--versioning "x": want VERSION[:FEATURES]: "x" is no number`},
		{"add-dp dp0 -V 256", 1, `"256" is more than 255`},
		{"add-dp dp0 -V 2:x", 1, `"x" is no number`},
		{"add-dp dp0 --vers 2:1:1", 1, `"1:1" is no number`},
		{"add-if dp0", 2, "accepts 2 arg(s), received 1"},
		{"add-if -t tulip dp0 v0", 2, `--ptype "tulip": want one of netdev, internal, gre, geneve, vxlan`},
		{"add-if -p x dp0 v0", 2, `invalid argument "x" for "-p, --dport" flag`},
		{"add-if --dport 65536 dp0 v0", 2, "value out of range"},
		{"add-if --lwt --no-lwt dp0 v0", 2, "none of the others can be"},
		{"del-if dp0", 2, "accepts 2 arg(s), received 1"},
		{"del-if -d", 2, "flag needs an argument: 'd' in -d"},
		{"dump-flows", 2, "accepts 1 arg(s), received 0"},
		{"dump-flows -m dp0", 2, "unknown shorthand flag: 'm'"},
		{"add-flow dp0 in_port(1)", 2, "accepts 3 arg(s), received 2"},
		{"mod-flow dp0", 2, "accepts between 2 and 3 arg(s), received 1"},
		{"del-flows", 2, "accepts 1 arg(s), received 0"},
		{"psample-events 1", 2, `unknown command "1"`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			status, out, errs := do(t, strings.Fields(tt.args)...)
			if status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			if out != "" {
				t.Errorf("standard output: %s", out)
			}
			if tt.want == "" && errs != "" || tt.want != "" && (!strings.HasPrefix(errs, "ovs-dpctl.py: ") || strings.Count(errs, "\n") != 1) || !strings.Contains(errs, tt.want) {
				t.Errorf("standard error: %q, want one line with %q", errs, tt.want)
			}
		})
	}
}

// TestHelp: the kernel's script takes this phrase in the help for a missing
// library, and skips everything.
func TestHelp(t *testing.T) {
	status, out, errs := do(t, "-h")
	if status != 0 || errs != "" || strings.Contains(out, "Need to") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
	for _, c := range []string{"show", "add-dp", "del-dp", "add-if", "del-if", "dump-flows", "add-flow", "mod-flow", "del-flows", "psample-events"} {
		if !strings.Contains(out, "\n  "+c+" ") {
			t.Errorf("the help does not name %s", c)
		}
		if status, out, _ := do(t, c, "-h"); status != 0 || !strings.Contains(out, "ovs-dpctl.py "+c) {
			t.Errorf("%s -h: status %d, %s", c, status, out)
		}
	}
}

// TestAbbreviations: a long option goes by any beginning that is its own.
func TestAbbreviations(t *testing.T) {
	for word, want := range map[string]string{
		"up": "upcall", "upcall": "upcall", "u": "upcall", "pt": "ptype", "dp": "dport",
		"l": "lwt", "no": "no-lwt", "x": "x", "": "", "upcalls": "upcalls",
	} {
		for _, c := range New("t").Commands() {
			if c.Name() != "add-if" {
				continue
			}
			if got := string(c.Flags().GetNormalizeFunc()(c.Flags(), word)); got != want {
				t.Errorf("%q is taken as %q, want %q", word, got, want)
			}
		}
	}
}

func TestVersioning(t *testing.T) {
	for text, want := range map[string]versioning{
		"0": {0, 8}, "2": {2, 8}, "0x2": {2, 8}, "2:1": {2, 1}, "2:0": {2, 0}, "0b10:0o17": {2, 15}, "255:4294967295": {255, 1<<32 - 1},
	} {
		if got, err := parseVersioning(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ":", "2:", ":1", "-1", "02", "2:01", "1.5", "256", "1:4294967296", "2: 1"} {
		if got, err := parseVersioning(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func FuzzVersioning(f *testing.F) {
	for _, s := range []string{"2", "2:1", "0x2:0b1", "", ":", "2:1:1", "00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := parseVersioning(s)
		if err != nil && !strings.HasPrefix(err.Error(), "--versioning ") {
			t.Errorf("%q: %v", s, err)
		}
		if err == nil && !strings.Contains(s, ":") && v.features != version2.features {
			t.Errorf("%q: %+v", s, v)
		}
	})
}

// TestFlowTexts: what is refused before the kernel is asked, and what is not.
func TestFlowTexts(t *testing.T) {
	const arp = "in_port(1),eth(),eth_type(0x0806),arp()"
	cookie := "psample(group=1,cookie=" + strings.Repeat("ff", 17) + ")"
	for _, actions := range []string{"1", "drop", "", cookie, "psample()", "psample(cookie=ff)", "psample(group=1,cookie=)"} {
		spec, err := parseFlow(arp, &actions)
		if err == nil {
			_, err = flowAttrs(spec, true)
		}
		if err != nil {
			t.Errorf("%s is refused: %v", actions, err)
		}
	}
	for _, tt := range [][3]string{
		{arp, "frob", `actions: column 1: `},
		{arp, "trunc(1", "actions: column 8: "},
		{arp, "tnl_pop(1)", "tnl_pop: in the userspace datapath only"},
		{"in_port(1),foo(1)", "1", `flow: column 12: unknown key "foo"`},
		{"ufid:1,in_port(1)", "1", "flow: "},
	} {
		if _, err := parseFlow(tt[0], &tt[1]); err == nil || !strings.Contains(err.Error(), tt[2]) {
			t.Errorf("%s %s: %v, want %q", tt[0], tt[1], err, tt[2])
		}
	}
}

func FuzzFlow(f *testing.F) {
	f.Add("in_port(1),eth(),eth_type(0x0800),ipv4()", "trunc(14),psample(group=1,cookie=c0ffee)")
	f.Add("ufid:00000001-0002-0003-0004-000500060007,in_port(1)", "drop")
	f.Add("ct_state(+trk-new),tunnel(tun_id=1,dst=1.2.3.4)", "ct(commit,nat(src=1.2.3.4-1.2.3.9:1-2)),clone(2)")
	f.Fuzz(func(t *testing.T, flow, actions string) {
		spec, err := parseFlow(flow, &actions)
		if err != nil {
			return
		}
		full, err := flowAttrs(spec, true)
		if err != nil {
			return // longer than an attribute can be
		}
		bare, err := flowAttrs(spec, false)
		if err != nil || !bytes.HasPrefix(full, bare) {
			t.Errorf("without actions %x, with them %x: %v", bare, full, err)
		}
		if again, err := flowAttrs(spec, true); err != nil || !slices.Equal(full, again) {
			t.Errorf("%x becomes %x: %v", full, again, err)
		}
	})
}
