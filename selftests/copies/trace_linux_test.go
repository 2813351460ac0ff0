// SPDX-License-Identifier: Apache-2.0

package copies

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/dpscope/dpscope/selftests"
)

const tracefs = "/sys/kernel/tracing"

// psampleEntry is the function through which packets are sampled. Our 6.1 has
// its own beside the one that the kernel's other modules were built for, see
// kmod/README.md. psample has to be loaded.
func psampleEntry(t *selftests.T) string {
	const ours = "psample_sample_packet_extra"
	text, err := os.ReadFile("/proc/kallsyms")
	t.Must(err)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == ours {
			return ours
		}
	}
	return "psample_sample_packet"
}

// traced calls work and counts the calls of functions within those of one
// function, on every processor. That function counts itself, too.
func traced(t *selftests.T, within string, functions []string, work func()) map[string]int {
	set := func(file, text string) {
		t.Must(os.WriteFile(filepath.Join(tracefs, file), []byte(text), 0))
	}
	reset := func() {
		for _, f := range []struct{ file, text string }{
			{"tracing_on", "0"}, {"current_tracer", "nop"}, {"set_ftrace_filter", ""}, {"set_graph_function", ""}, {"trace", ""},
		} {
			if err := os.WriteFile(filepath.Join(tracefs, f.file), []byte(f.text), 0); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
	reset()
	t.Cleanup(reset)
	// Only what is filtered for is recorded, which keeps the trace short.
	set("set_ftrace_filter", strings.Join(append([]string{within}, functions...), "\n")+"\n")
	set("set_graph_function", within+"\n")
	set("current_tracer", "function_graph")
	set("tracing_on", "1")
	work()
	set("tracing_on", "0")
	text, err := os.ReadFile(filepath.Join(tracefs, "trace"))
	t.Must(err)
	calls, err := countCalls(string(text))
	t.Must(err)
	return calls
}
