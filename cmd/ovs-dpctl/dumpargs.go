// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

// dumpArgs are what stands behind dump-flows, in any order.
type dumpArgs struct {
	dp     []string // none or one
	filter string
	types  []string // nil: all
}

// flowTypes are the words of type=: where a flow is, as Open vSwitch has it.
var flowTypes = []string{"all", "ovs", "tc", "dpdk", "offloaded", "non-offloaded", "partially-offloaded"}

func parseDumpArgs(args []string) (a dumpArgs, err error) {
	for _, arg := range args {
		key, value, isOption := strings.Cut(arg, "=")
		switch {
		case isOption && key == "filter":
			a.filter = value
		case isOption && key == "type":
			a.types = strings.Split(value, ",")
			for _, t := range a.types {
				if !slices.Contains(flowTypes, t) {
					return a, cli.Usagef("type=%s: no type %q (there are %s)", value, t, strings.Join(flowTypes, ", "))
				}
			}
		case isOption && key == "pmd":
			return a, cli.Usagef("%s: only a userspace datapath has such threads; use ovs-appctl dpctl/dump-flows", arg)
		case len(a.dp) > 0:
			return a, cli.Usagef("%q: accepts at most 1 datapath, filter= and type=", arg)
		default:
			a.dp = []string{arg}
		}
	}
	return a, nil
}

// has tells whether flows of one of the types are wanted.
func (a dumpArgs) has(types ...string) bool {
	return a.types == nil || slices.Contains(a.types, "all") ||
		slices.ContainsFunc(types, func(t string) bool { return slices.Contains(a.types, t) })
}

// kernel tells whether the flows in the kernel's datapath are wanted. All of
// them are handled there: what of a flow is offloaded is another flow, in tc.
func (a dumpArgs) kernel() bool { return a.has("ovs", "non-offloaded") }

// tc tells whether flows in tc are wanted, which are not shown.
func (a dumpArgs) tc(hardware bool) bool {
	if hardware {
		return a.has("tc", "offloaded")
	}
	return a.has("tc", "non-offloaded")
}
