// SPDX-License-Identifier: Apache-2.0

package odptest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Coverage counts values by the attributes they hold, at any depth.
type Coverage map[string]int

// userspaceActions have no attribute.
var userspaceActions = []string{"lb_output", "tnl_pop", "tnl_push"}

// Match counts the attributes of a match.
func (c Coverage) Match(m odp.Match) error {
	key, err := m.AppendKey(nil)
	if err != nil {
		return err
	}
	mask, err := m.AppendMask(nil)
	if err != nil {
		return err
	}
	c.walk(key, odp.KeySpec)
	if len(mask) > 0 {
		c["OVS_FLOW_ATTR_MASK"]++
	}
	return nil
}

// Actions counts the attributes of actions.
func (c Coverage) Actions(as odp.Actions) error {
	for _, a := range as {
		switch a.(type) {
		case odp.LBOutput:
			c["lb_output"]++
			continue
		case odp.TnlPop:
			c["tnl_pop"]++
			continue
		case odp.TnlPush:
			c["tnl_push"]++
			continue
		}
		b, err := odp.Actions{a}.AppendNetlink(nil)
		if err != nil {
			return c.inside(a)
		}
		c.walk(b, odp.ActionSpec)
	}
	return nil
}

// inside counts what is in an action that holds actions of the userspace
// datapath, and so cannot be encoded.
func (c Coverage) inside(a odp.Action) error {
	lists := []odp.Actions{}
	switch a := a.(type) {
	case odp.Sample:
		lists = append(lists, a.Actions)
	case odp.Clone:
		lists = append(lists, a.Actions)
	case odp.CheckPktLen:
		lists = append(lists, a.Greater, a.LessEqual)
	case odp.DecTTL:
		lists = append(lists, a.Exceeded)
	default:
		return fmt.Errorf("%T cannot be encoded", a)
	}
	c[odp.ActionSpec.Names[odp.TypeOf(a)]]++
	for _, as := range lists {
		if err := c.Actions(as); err != nil {
			return err
		}
	}
	return nil
}

func (c Coverage) walk(b []byte, spec *nl.AttrSpec) {
	for at, err := range nl.Attrs(b) {
		if err != nil {
			return
		}
		name, ok := spec.Names[at.Type]
		if !ok {
			name = "unknown"
		}
		c[name]++
		if nest := spec.Nests[at.Type]; nest != nil {
			c.walk(at.Data, nest)
		}
	}
}

// Names are all attributes there are, sorted, and the userspace datapath's
// actions. Some never occur: PAD and UNSPEC mean nothing, TUNNEL_INFO is the
// kernel's own.
func Names() []string {
	var names []string
	seen := map[*nl.AttrSpec]bool{}
	var add func(s *nl.AttrSpec)
	add = func(s *nl.AttrSpec) {
		if seen[s] {
			return
		}
		seen[s] = true
		for _, n := range s.Names {
			if !strings.HasSuffix(n, "_PAD") && !strings.HasSuffix(n, "_TUNNEL_INFO") {
				names = append(names, n)
			}
		}
		for _, n := range s.Nests {
			add(n)
		}
	}
	add(odp.KeySpec)
	add(odp.ActionSpec)
	names = append(names, userspaceActions...)
	slices.Sort(names)
	return slices.Compact(names)
}

// Missing names the attributes of those in names that were seen fewer than n times.
func (c Coverage) Missing(names []string, n int) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return c[name] >= n })
}

// Table is the counts, one line for each name.
func (c Coverage) Table() string {
	var b strings.Builder
	for _, name := range Names() {
		fmt.Fprintf(&b, "%-46s %d\n", name, c[name])
	}
	return b.String()
}
