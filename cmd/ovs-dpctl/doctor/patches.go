// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"

	"github.com/dpscope/dpscope/internal/modstate"
)

// Whose adds to the checks of modules whose they are, dpscope's or others, and
// gives what follows from it as more checks.
func Whose(list []Check, r modstate.Report) []Check {
	for i, c := range list {
		if c.Area != "module" {
			continue
		}
		for _, m := range r.Items {
			if m.Name == c.Name {
				list[i].Detail += fmt.Sprintf("; in use: %s, modprobe loads: %s (%s)", m.Loaded.Text(), m.Installed.Text(), cmp.Or(m.File, "no file"))
			}
		}
	}
	status := map[modstate.Level]Status{modstate.OK: OK, modstate.Note: Info, modstate.Action: Warning}
	for _, f := range r.Findings {
		list = append(list, Check{Area: "patches", Name: "dpscope", Status: status[f.Level], Detail: f.Text, Advice: f.Advice})
	}
	return list
}
