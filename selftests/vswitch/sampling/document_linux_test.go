// SPDX-License-Identifier: Apache-2.0

package sampling

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/selftests/proc"
)

// command is one that a document has its reader type, with what it prints.
type command struct {
	text  string
	wants []string
}

// documented takes the commands out of a document's console blocks: those
// behind the prompt "# ", the other lines are output. A comment before a block
// says where it is run: "any kernel", or "kernel NAME" on that one only;
// without, on kernels that have the psample action.
func documented(document, kernel string) []command {
	var cmds []command
	where, inside, skip := "", false, false
	for line := range strings.Lines(document) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case inside && line == "```":
			inside, where = false, ""
		case inside && skip:
		case inside && strings.HasPrefix(line, "# "):
			cmds = append(cmds, command{text: strings.TrimPrefix(line, "# ")})
		case inside && len(cmds) > 0:
			c := &cmds[len(cmds)-1]
			c.wants = append(c.wants, line)
		case line == "```console":
			inside = true
			skip = where != "any kernel" && where != "kernel "+kernel && (where != "" || kernel == stock)
		case strings.HasPrefix(line, "<!-- "):
			where = strings.TrimSuffix(strings.TrimPrefix(line, "<!-- "), " -->")
		}
	}
	return cmds
}

// incidental are the parts of output that differ between runs.
var incidental = regexp.MustCompile(strings.Join([]string{
	`[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}`,
	`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`,
	`\(Open vSwitch\) [0-9.]+`,
	`receive buffer [0-9]+ bytes`,
	`id [0-9]+, seq`,
	`packets:[0-9]+, bytes:[0-9]+, used:[0-9.]+s`,
	`time [0-9]+ms`,
	`rtt min/avg/max/mdev = .*`,
}, "|"))

// printed makes outputs of different runs comparable.
func printed(lines []string) []string {
	text := incidental.ReplaceAllString(strings.Join(lines, "\n"), "…")
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// slow matches what Open vSwitch's programs add when the machine is busy.
var slow = regexp.MustCompile(`(?m)^[-0-9T:.]+Z\|[0-9]+\|timeval\|WARN\|.*\n`)

// same compares what a command was to print with what it did. The line "..."
// at the end stands for any further ones.
func same(wants []string, output string) string {
	got := strings.Split(slow.ReplaceAllString(output, ""), "\n")
	if n := len(wants); n > 0 && wants[n-1] == "..." {
		wants = wants[:n-1]
		got = got[:min(len(got), n-1)]
	}
	return cmp.Diff(printed(wants), printed(got))
}

func TestDocumented(t *testing.T) {
	const document = "Text.\n```console\n# one\n```\n```sh\n# no\n```\n<!-- any kernel -->\n```console\n# two\nout\n\nput\n# three\n```\n" +
		"<!-- kernel 6.1 -->\n```console\n# four\n...\n```\n"
	names := func(kernel string) (s []string) {
		for _, c := range documented(document, kernel) {
			s = append(s, c.text)
		}
		return s
	}
	if got := names("6.12"); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("commands for a kernel with the action: %q", got)
	}
	if got := names(stock); !slices.Equal(got, []string{"two", "three", "four"}) {
		t.Errorf("commands for the stock kernel: %q", got)
	}
	two := documented(document, stock)[0]
	for output, want := range map[string]bool{"out\n\nput\n": true, "out\nput\n": false, "out\n\nput\nmore\n": false, "": false} {
		if got := same(two.wants, output) == ""; got != want {
			t.Errorf("%q is the output %q: %v", output, two.wants, got)
		}
	}
	if same([]string{"a", "..."}, "a\nb\nc\n") != "" || same([]string{"a", "..."}, "b\n") == "" || same([]string{"..."}, "") != "" {
		t.Error("the line that stands for any further ones")
	}
	if same([]string{"at 10:28:03.258504, packets:1, bytes:2, used:0.010s"}, "at 11:00:00.000000, packets:7, bytes:8, used:1.2s") != "" {
		t.Error("incidental differences count")
	}
	const busy = "2026-11-20T13:19:30Z|00002|timeval|WARN|Unreasonably long 3147ms poll interval (689ms user, 21ms system)\n"
	if same(nil, busy+busy) != "" || same([]string{"a", "b"}, "a\n"+busy+"b\n") != "" || same(nil, strings.Replace(busy, "timeval", "poll_loop", 1)) == "" {
		t.Error("warnings of a busy machine count, or others do not")
	}
}

// TestDocumentation types what docs/ovs-sampling.md tells its readers to type,
// and wants to see what it shows them. A listener runs beside the command that
// follows, after which its end is awaited.
func TestDocumentation(t *testing.T) {
	kernel := needLab(t)
	text, err := os.ReadFile("../../../docs/ovs-sampling.md")
	if err != nil {
		t.Fatal(err)
	}
	cmds := documented(string(text), kernel)
	if len(cmds) < 20 {
		t.Fatalf("only %d commands found in the document", len(cmds))
	}
	// The document leaves Open vSwitch running, as its readers' was before.
	t.Cleanup(func() {
		if out, err := exec.Command("/usr/share/openvswitch/scripts/ovs-ctl", "stop").CombinedOutput(); err != nil {
			t.Errorf("stop Open vSwitch: %v: %s", err, out)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	check := func(text string, wants []string, p *proc.Proc) {
		status, err := p.WaitEnd(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d := same(wants, p.Stderr()); status != 0 || d != "" {
			t.Fatalf("# %s\nexit status %d; document (-), run (+):\n%s", text, status, d)
		}
	}
	var finish func() // checks a listener
	for _, c := range cmds {
		// All output goes one way, as it does on a terminal.
		p, err := proc.Start(proc.Options{Name: c.text}, "bash", "-o", "pipefail", "-c", "exec >&2; "+c.text)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
		if strings.HasPrefix(c.text, "psample-listen") && p.WaitStderr(ctx, "psample-listen: ready") == nil {
			finish = func() { check(c.text, c.wants, p) }
			continue
		}
		check(c.text, c.wants, p)
		if finish != nil {
			finish()
			finish = nil
		}
	}
	if finish != nil {
		t.Error("nothing is sent after the last listener has been started")
	}
}
