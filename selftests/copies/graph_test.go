// SPDX-License-Identifier: Apache-2.0

package copies

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// call is a line of the function graph that begins a call: with what happens
// within it (a brace at the end) or without anything. A line that ends a call
// has a brace at the start, and perhaps the name in a comment.
var call = regexp.MustCompile(`\|\s+([A-Za-z0-9_.]+)(?: \[[a-z0-9_]+\])?\(.*\)(?: \{|;)`)

// countCalls counts the calls of each function in the text of a function graph.
// The error tells that the trace is not whole.
func countCalls(text string) (map[string]int, error) {
	calls := map[string]int{}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "LOST") && strings.Contains(line, "EVENTS") {
			return nil, fmt.Errorf("function trace: %s", strings.TrimSpace(line))
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		if m := call.FindStringSubmatch(line); m != nil {
			calls[m[1]]++
		}
	}
	return calls, nil
}

const graph = `# tracer: function_graph
#
# CPU  DURATION                  FUNCTION CALLS
# |     |   |                     |   |   |   |
 0)               |  psample_sample_packet [psample]() {
 0)   5.123 us    |    __alloc_skb();
 0)   1.001 us    |    skb_copy_bits();
 0) + 20.003 us   |  }
 ------------------------------------------
 0)  pktsend-77   =>  ksoftir-15
 ------------------------------------------

 1)   0.907 us    |  psample_sample_packet [psample]();
 1)               |  psample_sample_packet [psample](group=0xff, skb=0x0) {
 1)   5.123 us    |    __alloc_skb(size=1, mask=2) {
 1)   5.123 us    |    } /* __alloc_skb ret=0x1 */
 1) + 20.003 us   |  } /* psample_sample_packet [psample] */
`

func TestCountCalls(t *testing.T) {
	got, err := countCalls(graph)
	want := map[string]int{"psample_sample_packet": 3, "__alloc_skb": 2, "skb_copy_bits": 1}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := countCalls(graph + "CPU:1 [LOST 17 EVENTS]\n"); err == nil {
		t.Error("a trace with gaps was taken")
	}
}

func FuzzCountCalls(f *testing.F) {
	for _, s := range []string{"", graph, " 0)  |  f();", "| ( [x]();", "CPU:0 [LOST EVENTS]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		calls, err := countCalls(text)
		sum := 0
		for name, n := range calls {
			if name == "" || n < 1 {
				t.Errorf("%q is called %d times", name, n)
			}
			sum += n
		}
		if err == nil && sum > strings.Count(text, "\n")+1 {
			t.Errorf("%d calls in %d lines", sum, strings.Count(text, "\n")+1)
		}
	})
}
