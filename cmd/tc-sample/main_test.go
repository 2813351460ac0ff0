// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/tc"
)

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = cli.Run(t.Context(), newCommand(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return code, out.String(), err.String()
}

// TestBadInput: one clear line and the right status, before anything is done.
func TestBadInput(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", cli.ExitUsage, "a command is missing"},
		{"frob", cli.ExitUsage, `unknown command "frob"`},
		{"add", cli.ExitUsage, "a device name is missing"},
		{"add lo", cli.ExitUsage, `required flag(s) "group", "rate" not set`},
		{"add lo --rate 1", cli.ExitUsage, `required flag(s) "group" not set`},
		{"add lo eth0 --rate 1 --group 1", cli.ExitUsage, `unexpected argument "eth0"`},
		{"add lo --rate 010 --group 1", cli.ExitUsage, "not a whole number from 1 to 4294967295"},
		{"add lo --rate 1_000 --group 1", cli.ExitUsage, "not a whole number"},
		{"add lo --rate 0 --group 1", cli.ExitUsage, "not a whole number from 1 to 4294967295"},
		{"add lo --rate -1 --group 1", cli.ExitUsage, "not a whole number from 1 to 4294967295"},
		{"add lo --rate 4294967296 --group 1", cli.ExitUsage, "not a whole number from 1 to 4294967295"},
		{"add lo --rate many --group 1", cli.ExitUsage, "not a whole number from 1 to 4294967295"},
		{"add lo --rate 1 --group 4294967296", cli.ExitUsage, "not a whole number from 0 to 4294967295"},
		{"add lo --rate 1 --group 1 --trunc 0", cli.ExitUsage, "not a whole number from 1 to 65535"},
		{"add lo --rate 1 --group 1 --trunc 65536", cli.ExitUsage, "not a whole number from 1 to 65535"},
		{"add lo --rate 1 --group 1 --pref 65536", cli.ExitUsage, "not a whole number from 1 to 65535"},
		{"add lo --rate 1 --group 1 --cookie abc", cli.ExitUsage, "not 1 to 16 bytes in hexadecimal"},
		{"add lo --rate 1 --group 1 --cookie xy", cli.ExitUsage, "not 1 to 16 bytes in hexadecimal"},
		{"add lo --rate 1 --group 1 --cookie=", cli.ExitUsage, "not 1 to 16 bytes in hexadecimal"},
		{"add lo --rate 1 --group 1 --cookie " + strings.Repeat("ab", 17), cli.ExitUsage, "not 1 to 16 bytes in hexadecimal"},
		{"add lo --rate 1 --group 1 --ingress --egress", cli.ExitUsage, "[egress ingress]"},
		{"del", cli.ExitUsage, "a device name is missing"},
		{"del lo --group x", cli.ExitUsage, "not a whole number from 0 to 4294967295"},
		{"list a b", cli.ExitUsage, `unexpected argument "b"`},
		{"list no-such-device", cli.ExitFailed, "list sample filters no-such-device: no such device (see: ip link)"},
		{"add no-such-device --rate 1 --group 1", cli.ExitFailed, "add sample filter no-such-device: no such device (see: ip link)"},
		{"del no-such-device", cli.ExitFailed, "no-such-device: no such device (see: ip link)"},
		{"list -N no-such-netns", cli.ExitFailed, `network namespace "no-such-netns": no such file or directory`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(tt.args)...)
			if code != tt.code {
				t.Errorf("status %d, want %d", code, tt.code)
			}
			if stdout != "" {
				t.Errorf("stdout: %q", stdout)
			}
			if !strings.HasPrefix(stderr, "tc-sample: ") || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("stderr %q, want one line with %q", stderr, tt.want)
			}
			for _, leak := range []string{"strconv", "hex.", "netlink.", "syscall.", "&{"} {
				if strings.Contains(stderr, leak) {
					t.Errorf("stderr %q shows %q", stderr, leak)
				}
			}
		})
	}
}

func TestEmptyDevice(t *testing.T) {
	for _, args := range [][]string{{"list", ""}, {"del", ""}, {"add", "", "--rate", "1", "--group", "1"}} {
		if code, _, stderr := run(t, args...); code != cli.ExitUsage || !strings.Contains(stderr, "the device name is empty") {
			t.Errorf("%q: status %d, %q", args, code, stderr)
		}
	}
}

func TestTable(t *testing.T) {
	list := []tc.SampleFilter{
		{
			Dev: "eth0", Pref: 3408, Rate: 1000, Group: 7, Trunc: 128, Truncated: true, Cookie: []byte{0xc0, 0xff, 0xee}, Owned: true,
			Stats: tc.Stats{Packets: 12, Bytes: 3456, Drops: 1, Overlimits: 2},
		},
		{Dev: "eth0", Direction: tc.Egress, Pref: 49152, Rate: 1, Group: 4294967295},
	}
	want := `DEV   SIDE     PREF   RATE    GROUP       TRUNC  COOKIE  PACKETS  BYTES  DROPS  OVERLIMITS  OWNER
eth0  ingress  3408   1/1000  7           128    c0ffee  12       3456   1      2           tc-sample
eth0  egress   49152  1/1     4294967295  -      -       0        0      0      0           other
`
	var b bytes.Buffer
	if err := printTable(&b, list); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Reset()
	if err := printTable(&b, nil); err != nil || b.Len() != 0 {
		t.Errorf("empty list: %q, %v", b.String(), err)
	}
}

func TestJudge(t *testing.T) {
	one := tc.SampleFilter{Dev: "d0", Group: 1}
	two := tc.SampleFilter{Dev: "d0", Direction: tc.Egress, Group: 2}
	for name, tt := range map[string]struct {
		list []tc.SampleFilter
		all  bool
		want string
	}{
		"one":         {list: []tc.SampleFilter{one}},
		"all of two":  {list: []tc.SampleFilter{one, two}, all: true},
		"none":        {want: "delete sample filter d0: tc-sample has none there that fits (see: tc-sample list)"},
		"none of all": {all: true, want: "delete sample filter d0: tc-sample has none there that fits (see: tc-sample list)"},
		"two": {
			list: []tc.SampleFilter{one, two},
			want: "delete sample filter d0: 2 fit: --ingress --group 1, --egress --group 2 (choose one, or all of them with --all)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := judge("d0", tt.list, tt.all)
			if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestListJSON: the envelope is there even with nothing in it. A namespace
// without sample filters is the usual case on a build machine; a host that has
// some still has to show the schema.
func TestListJSON(t *testing.T) {
	code, stdout, stderr := run(t, "list", "-j")
	if code != 0 || !strings.HasPrefix(stdout, `{"schema":"tc-samples/1","items":[`) || stderr != "" {
		t.Errorf("status %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if code, stdout, _ = run(t, "list", "-p"); code != 0 || !strings.HasPrefix(stdout, "{\n  \"schema\": ") {
		t.Errorf("-p: status %d, stdout %q", code, stdout)
	}
}
