// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"fmt"
	"strings"
)

// finding out what a kernel did with a list is looking at its ways and packets.

// answer is what is seen at one place: a refusal, or outcomes.
type answer struct {
	errno    string
	outcomes outcomeSet
	broken   string // why there is no answer
}

// text is equal for equal answers.
func (a answer) text() string {
	switch {
	case a.broken != "":
		return a.broken
	case a.errno != "":
		return "refused: " + a.errno
	case a.outcomes == nil:
		return "taken"
	}
	return strings.Join(a.outcomes.keys(), "\n")
}

// look is one place in the results of a list.
type look struct {
	where  string
	list   List
	path   string
	packet int // -1: only whether the list is taken
}

// looks are all places of a list.
func looks(l List) []look {
	var out []look
	for _, path := range []string{PathFlow, PathExecute} {
		out = append(out, look{"way " + path, l, path, -1})
		if l.Fault != "" {
			continue
		}
		for i, p := range l.Packets {
			out = append(out, look{fmt.Sprintf("way %s, packet %s", path, p), l, path, i})
		}
	}
	return out
}

// want is what the model says.
func (k look) want(trunc Trunc) answer {
	if k.list.Fault != "" {
		return answer{errno: k.list.Errno}
	}
	if k.packet < 0 {
		return answer{}
	}
	ps, err := predict(k.list.Actions, k.list.Packets[k.packet], trunc, false)
	if err != nil {
		return answer{broken: err.Error()}
	}
	return answer{outcomes: outcomes(ps)}
}

// got is what a result says.
func (k look) got(r Result) answer {
	for _, p := range r.Paths {
		switch {
		case p.Path != k.path:
		case p.Errno != "" || k.packet < 0:
			return answer{errno: p.Errno}
		case k.packet >= len(p.Packets):
			return answer{broken: "no result for this packet"}
		default:
			return answer{outcomes: setOf(p.Packets[k.packet])}
		}
	}
	return answer{broken: "no result for this way"}
}

// fits tells whether a kernel did what the model says: every outcome is there
// that must be, and none that cannot be.
func (k look) fits(trunc Trunc, want, got answer) bool {
	if want.text() == got.text() {
		return want.broken == ""
	}
	if want.outcomes == nil || got.outcomes == nil {
		return false
	}
	for key := range want.outcomes {
		if _, ok := got.outcomes[key]; !ok {
			return false
		}
	}
	// What is more than that must have come of a draw that hardly ever happens.
	all, err := predict(k.list.Actions, k.list.Packets[k.packet], trunc, true)
	if err != nil {
		return false
	}
	for key := range got.outcomes {
		if _, ok := all[key]; !ok {
			return false
		}
	}
	return true
}
