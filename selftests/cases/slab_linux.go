// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"os"
	"strconv"
	"strings"

	"github.com/dpscope/dpscope/selftests"
)

// skbsInUse reads how many packet buffers the kernel has handed out. known is
// false where the kernel does not tell (CONFIG_SLUB_DEBUG, older allocators).
func skbsInUse(t *selftests.T) (n int, known bool) {
	b, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		t.Logf("packet buffers in use are not known: %v", err)
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		// name, active objects, all objects, ...
		f := strings.Fields(line)
		if len(f) > 2 && f[0] == "skbuff_head_cache" {
			n, err := strconv.Atoi(f[1])
			return n, err == nil
		}
	}
	t.Logf("packet buffers in use are not known: /proc/slabinfo does not list them")
	return 0, false
}
