// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
)

func TestChooseDialect(t *testing.T) {
	for _, tt := range []struct {
		line, env string
		want      odp.Dialect
		rest      string
		err       string
	}{
		{line: "ovs-dpctl show"},
		{line: "/usr/bin/ovs-dpctl"},
		{line: "./ovs-dpctl.py show", want: odp.Kselftest},
		{line: "ovs-dpctl show", env: "kselftest", want: odp.Kselftest},
		{line: "ovs-dpctl.py show", env: "ovs"},
		{line: "ovs-dpctl --dialect kselftest show", want: odp.Kselftest, rest: "show"},
		{line: "ovs-dpctl --dialect=kselftest -v show", want: odp.Kselftest, rest: "-v show"},
		{line: "ovs-dpctl.py --dialect ovs show", env: "kselftest", rest: "show"},
		// Of parse-flow it is an option like any other.
		{line: "ovs-dpctl parse-flow --dialect kselftest"},
		{line: "ovs-dpctl show --dialect x"},
		{line: "ovs-dpctl --dialect", err: "--dialect: want ovs or kselftest behind it"},
		{line: "ovs-dpctl --dialect= show", err: `--dialect: dialect "": want ovs or kselftest`},
		{line: "ovs-dpctl --dialect klingon show", err: `--dialect: dialect "klingon": want ovs or kselftest`},
		{line: "ovs-dpctl show", env: "klingon", err: `DPSCOPE_DIALECT: dialect "klingon"`},
	} {
		args := strings.Fields(tt.line)
		rest := args[1:]
		if tt.rest != "" {
			rest = strings.Fields(tt.rest)
		}
		got, left, err := chooseDialect(args, tt.env)
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.line, err, tt.err)
			}
		case err != nil || got != tt.want || !slices.Equal(left, rest):
			t.Errorf("%s: %s, %q, %v", tt.line, got, left, err)
		}
	}
}
