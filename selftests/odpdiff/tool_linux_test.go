// SPDX-License-Identifier: Apache-2.0

package odpdiff

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Ours has the same name and is the first in PATH.
const suites = "/usr/bin/ovs-dpctl"

var (
	reference = flag.String("reference", suites, "Open vSwitch's ovs-dpctl")
	pipe      = flag.String("pipe", "", "the preloaded library made from testdata/genlpipe.c")
)

// needLab keeps the tests where the tools are those of a suite.
func needLab(t testing.TB) {
	t.Helper()
	if os.Getenv("DPLAB_KERNEL") == "" && *reference == suites {
		t.Skip("needs the ovs-dpctl of a Debian suite: run it in a lab guest (.ci/test-odpdiff does)")
	}
}

// tool is the reference with its kernel.
type tool struct {
	t   testing.TB
	k   *pipeKernel
	old bool // a release before 4.0

	used time.Duration // what the last run took of the processor, without system calls
}

func newTool(t testing.TB) *tool {
	needLab(t)
	if *pipe == "" {
		t.Fatal("-pipe is missing: .ci/test-odpdiff builds what it names")
	}
	o := &tool{t: t, k: newPipeKernel(t)}
	out, _, err := o.run("", "--version")
	if err != nil || len(out) == 0 {
		t.Fatalf("%s --version: %q, %v", *reference, out, err)
	}
	t.Log(out[0])
	_, version, _ := strings.Cut(out[0], ") ")
	o.old = strings.HasPrefix(version, "3.")
	return o
}

// run gives the lines of standard output and standard error.
func (o *tool) run(stdin string, args ...string) (out, messages []string, err error) {
	o.t.Helper()
	c := exec.Command(*reference, append([]string{"-voff"}, args...)...)
	c.Env = append(os.Environ(), "LD_PRELOAD="+*pipe, "GENLPIPE="+o.k.socket())
	c.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err = c.Run()
	if c.ProcessState != nil {
		o.used = c.ProcessState.UserTime()
	}
	return lines(stdout.Bytes()), lines(stderr.Bytes()), err
}

func lines(b []byte) []string {
	var list []string
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, len(b)+1)
	for s.Scan() {
		list = append(list, s.Text())
	}
	return list
}

// text is a flow as text.
type text struct{ flow, actions string }

var dumped = regexp.MustCompile(`^(.*), packets:0, bytes:0, used:never(?:, dp:ovs)?, actions:(.*)$`)

// print is what the tool makes of flows, in their order, without and with -m.
func (o *tool) print(flows []wire) (plain, verbose []text) {
	o.t.Helper()
	o.k.load(flows)
	dump := func(args ...string) []text {
		out, messages, err := o.run("", append(args, "--no-names", "dump-flows", pipeDatapath)...)
		if err != nil || len(out) != len(flows) {
			o.t.Fatalf("%s prints %d of %d flows: %v\n%s", *reference, len(out), len(flows), err, strings.Join(messages, "\n"))
		}
		var list []text
		for _, l := range out {
			part := dumped.FindStringSubmatch(l)
			if part == nil {
				o.t.Fatalf("%s prints a line of another form: %s", *reference, l)
			}
			list = append(list, text{part[1], part[2]})
		}
		return list
	}
	return dump(), dump("-m")
}

// got is what the tool sends for a text, or what it says against it.
type got struct {
	wire
	refused string
}

// read is what the tool sends for each text, in their order.
func (o *tool) read(texts []text) []got {
	o.t.Helper()
	o.k.load(nil)
	var in strings.Builder
	for i, s := range texts {
		fmt.Fprintf(&in, "ufid:%08x-0000-0000-0000-000000000000,%s %s\n", i, s.flow, s.actions)
	}
	_, messages, err := o.run(in.String(), "add-flows", pipeDatapath, "-")
	if err != nil {
		o.t.Fatalf("%s add-flows: %v\n%s", *reference, err, strings.Join(messages, "\n"))
	}
	if len(o.k.taken)+len(messages) != len(texts) {
		o.t.Fatalf("%s sends %d and refuses %d of %d flows:\n%s", *reference, len(o.k.taken), len(messages), len(texts), strings.Join(messages, "\n"))
	}
	list := make([]got, len(texts))
	for i := range list {
		w, ok := o.k.taken[uint32(i)]
		list[i].wire = w
		if !ok { // complaints come in the order of the lines
			list[i].refused, messages = messages[0], messages[1:]
		}
	}
	return list
}

// again is how the tool prints each list of actions that it has read; "" where
// it refuses.
func (o *tool) again(actions []string) []string {
	o.t.Helper()
	list := make([]string, 0, len(actions))
	for len(list) < len(actions) {
		rest := actions[len(list):min(len(actions), len(list)+400)]
		out, messages, err := o.run("", append([]string{"parse-actions"}, rest...)...)
		list = append(list, out...)
		switch {
		case err != nil && len(out) < len(rest): // it ends at the first it refuses
			list = append(list, "")
		case err != nil || len(out) != len(rest):
			o.t.Fatalf("%s parse-actions: %v\n%s", *reference, err, strings.Join(messages, "\n"))
		}
	}
	return list
}
