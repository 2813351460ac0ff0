// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/odptest"
)

// run gives the tool's outputs and its exit status.
func run(t *testing.T, in string, args ...string) (out, errs string, rc int) {
	t.Helper()
	var o, e bytes.Buffer
	rc = cli.Run(t.Context(), newCommand(), args, cli.Streams{In: strings.NewReader(in), Out: &o, Err: &e})
	return o.String(), e.String(), rc
}

const (
	someKey  = "0800030001000000"
	someMask = "08000300ffffffff"
)

func TestParse(t *testing.T) {
	const ufid = "ufid:b028cc99-9bd1-4d6e-9217-0000566bbcc4,"
	tests := []struct {
		args, in, want string
	}{
		{"parse-flow", "in_port(1) eth()\n\n# not a flow\n  recirc_id(0x1)", "in_port(1),eth()\nrecirc_id(0x1)\n"},
		{"parse-flow", ufid + "in_port(1)\n", ufid + "in_port(1)\n"},
		{"parse-flow --port v1=0x10", "in_port(v1)", "in_port(16)\n"},
		{"parse-flow -m", "in_port(1),udp(src=5)", "in_port(1),udp(src=5,dst=0/0)\n"},
		{"parse-flow --dialect kselftest", "in_port(1),eth_type(0x0800),ipv4()", "in_port(1),eth_type(0x0800),ipv4(),\n"},
		{"parse-flow --hex", ufid + "in_port(1)", ufid + someKey + "/" + someMask + "\n"},
		{"parse-flow --hex", "unmasked(),in_port(1)", someKey + "\n"},
		{"parse-flow --from-hex", ufid + someKey + "/" + someMask, ufid + "in_port(1)\n"},
		{"parse-flow --from-hex -m", someKey, "unmasked(),in_port(1)\n"},
		{"parse-flow --from-hex -m", someKey + "/", "unknown(3,hex=01000000/none)\n"},
		{"parse-flow --from-hex --hex", someKey + "/", someKey + "/\n"},
		{"parse-flow -j", ufid + "in_port(1)", `{"type":"flow","v":1,"ufid":"b028cc99-9bd1-4d6e-9217-0000566bbcc4","match":{"key":{"in_port":1},"mask":{"in_port":4294967295}}}` + "\n"},
		{"parse-flow --from-json", `{"type":"flow","v":1,"match":{"key":{"in_port":1}}}`, "in_port(1)\n"},
		{"parse-actions", "1 , 2\ndrop\r\n", "1,2\ndrop\n"},
		{"parse-actions --hex", "1\ndrop", "0800010001000000\n-\n"},
		{"parse-actions --from-hex", "0800010001000000\n-\n", "1\ndrop\n"},
		{"parse-actions -j", "drop\npsample(group=1,cookie=ab)", `{"type":"actions","v":1,"actions":[]}` + "\n" + `{"type":"actions","v":1,"actions":[{"psample":{"group":1,"cookie":"ab"}}]}` + "\n"},
		{"parse-actions --from-json", `{"type":"actions","v":1,"actions":[]}`, "drop\n"},
		{"parse-actions --dialect kselftest --hex", "psample(cookie=ff)", "0c0019800500" + "0200ff000000\n"},
		{"parse-actions", "psample(group=1,cookie=000a)", "psample(group=1,cookie=0xa)\n"},
		{"parse-actions -m", "psample(group=1,cookie=000a)", "psample(group=1,cookie=0x000a)\n"},
		{"parse-actions", "tnl_pop(4),lb_output(1)", "tnl_pop(4),lb_output(1)\n"},
		{"parse-actions -", "1", "1\n"},
		{"parse-actions", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.args+" "+tt.in, func(t *testing.T) {
			out, errs, rc := run(t, tt.in, strings.Fields(tt.args)...)
			if out != tt.want || errs != "" || rc != 0 {
				t.Errorf("exit status %d, standard error %q\ngot  %s\nwant %s", rc, errs, out, tt.want)
			}
		})
	}
}

// TestParseErrors: a line that cannot be read is named, and the others are still
// there.
func TestParseErrors(t *testing.T) {
	tests := []struct {
		args, line, want string
	}{
		{"parse-flow", "in_port(1),foo()", `flow: column 12: unknown key "foo"`},
		{"parse-flow", "in_port(v1)", `flow: column 9: in_port: no port "v1" in the datapath`},
		{"parse-flow --from-hex", "08", "flow key"},
		{"parse-flow --from-hex", "0", "flow: key: encoding/hex"},
		{"parse-flow --from-hex", someKey + "/x", "flow: mask: encoding/hex"},
		{"parse-flow --from-hex", "ufid:1," + someKey, `flow: ufid "1"`},
		{"parse-flow --from-hex", "/", "flow: no keys"},
		{"parse-flow --from-json", `{"type":"flow","v":1,"match":{"key":{"foo":1}}}`, "foo: unknown key"},
		{"parse-flow --from-json", `{"type":"actions","v":1,"actions":[]}`, `"type" is "actions", want "flow"`},
		{"parse-flow --from-json", `{"type":"flow","v":2,"match":{"key":{"in_port":1}}}`, `"v" is 2, want 1`},
		{"parse-flow --from-json", `{"type":"flow","v":1}`, `a flow has a "match"`},
		{"parse-flow --from-json", `{"type":"flow","v":1,"match":{"key":{"in_port":1}},"x":1}`, `unknown field "x"`},
		{"parse-flow --from-json", `{"type":"flow","v":1,"match":{"key":{"in_port":1}}} {}`, "more than one value"},
		{"parse-actions", "1,psample(cookie=0xab)", "actions: column 3: psample: group=N is missing"},
		{"parse-actions --hex", "tnl_pop(4)", "tnl_pop: in the userspace datapath only"},
		{"parse-actions --from-hex", "ffff", "actions"},
		{"parse-actions --from-json", `{"type":"actions","v":1}`, `want "actions" alone`},
		{"parse-actions", strings.Repeat("1,", maxLine), "longer than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.args+" "+tt.line[:min(len(tt.line), 40)], func(t *testing.T) {
			args := strings.Fields(tt.args)
			good := map[string]string{
				"parse-flow": "in_port(1)", "parse-flow --from-hex": someKey, "parse-flow --from-json": `{"type":"flow","v":1,"match":{"key":{"in_port":1}}}`,
				"parse-actions": "1", "parse-actions --hex": "1", "parse-actions --from-hex": "-", "parse-actions --from-json": `{"type":"actions","v":1,"actions":[]}`,
			}[tt.args]
			out, errs, rc := run(t, "\n"+good+"\n"+tt.line+"\n"+good+"\n", args...)
			if rc != cli.ExitFailed || strings.Count(out, "\n") != 2 {
				t.Errorf("exit status %d, standard output %q", rc, out)
			}
			if !strings.HasPrefix(errs, "ovs-dpctl: line 3: ") || !strings.Contains(errs, tt.want) || !strings.HasSuffix(errs, "\novs-dpctl: 1 of 3 lines could not be read\n") {
				t.Errorf("standard error %s\nwant %s", errs, tt.want)
			}
		})
	}
}

func TestParseFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "flows")
	if err := os.WriteFile(name, []byte("in_port(1)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, rc := run(t, "in_port(2)", "parse-flow", name); out != "in_port(1)\n" || rc != 0 {
		t.Errorf("exit status %d: %s%s", rc, out, errs)
	}
	if out, errs, rc := run(t, "", "parse-flow", name+"x"); out != "" || rc != cli.ExitFailed || !strings.Contains(errs, "no such file") {
		t.Errorf("exit status %d: %s%s", rc, out, errs)
	}
}

// TestParseEnds: a signal ends the command while it waits for a line, and what
// was asked before is answered before.
func TestParseEnds(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	answers, out := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int)
	go func() {
		ended <- cli.Run(ctx, newCommand(), []string{"parse-actions"}, cli.Streams{In: r, Out: out, Err: &errs})
	}()
	for range 3 {
		if _, err := io.WriteString(w, "1\n"); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 2)
		if _, err := io.ReadFull(answers, answer); err != nil || string(answer) != "1\n" {
			t.Fatalf("answer %q, %v", answer, err)
		}
	}
	cancel(errors.New("interrupted"))
	if rc := <-ended; rc != cli.ExitFailed || errs.String() != "ovs-dpctl: interrupted\n" {
		t.Errorf("exit status %d, %s", rc, &errs)
	}
}

// TestParseRoundTrip takes random flows and actions through all forms.
func TestParseRoundTrip(t *testing.T) {
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", "ovs-odp.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	g := odptest.New(5, odptest.Options{Odd: true, Kernel: true})
	var flows, actions strings.Builder
	for range 300 {
		m, as := g.Match(), g.Actions()
		flows.Write(append(m.AppendText(nil, odp.TextOptions{Lossless: true}), '\n'))
		actions.Write(append(as.AppendText(nil, odp.TextOptions{Lossless: true}), '\n'))
	}
	for verb, text := range map[string]string{"parse-flow": flows.String(), "parse-actions": actions.String()} {
		step := func(in string, args ...string) string {
			out, errs, rc := run(t, in, append([]string{verb}, args...)...)
			if rc != 0 {
				t.Fatalf("%v: exit status %d: %s", args, rc, errs)
			}
			return out
		}
		json1 := step(text, "-j")
		for line := range strings.Lines(json1) {
			if err := s.Check([]byte(line)); err != nil {
				t.Errorf("%v in %s", err, line)
			}
			if !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
		hex := step(json1, "--from-json", "--hex")
		if again := step(step(hex, "--from-hex", "-m"), "--hex"); again != hex {
			t.Errorf("%s: netlink changes by way of text", verb)
		}
		if again := step(hex, "--from-hex", "-j"); again != json1 {
			t.Errorf("%s: JSON changes by way of netlink", verb)
		}
		if again := step(text, "-m"); again != text {
			t.Errorf("%s: text changes", verb)
		}
	}
}
