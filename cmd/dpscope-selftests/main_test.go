// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/cases"
)

func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = cli.Run(context.Background(), newCommand(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return status, out.String(), errs.String()
}

func TestList(t *testing.T) {
	status, out, errs := run(t, "list")
	if status != cli.ExitOK || errs != "" || strings.Count(out, "\n") != len(cases.All()) {
		t.Errorf("status %d, %d lines, stderr %q", status, strings.Count(out, "\n"), errs)
	}
	status, out, _ = run(t, "list", "-j", "tc-sample-*", "ovs-sample-nested")
	var got struct {
		Schema string
		Items  []struct {
			Name, Doc string
			Needs     []string
			Global    *bool
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != cli.ExitOK {
		t.Fatalf("status %d, %v: %s", status, err, out)
	}
	if got.Schema != listSchema || len(got.Items) < 5 {
		t.Errorf("%+v", got)
	}
	for _, c := range got.Items {
		if c.Name == "" || c.Doc == "" || len(c.Needs) == 0 || c.Global == nil {
			t.Errorf("incomplete: %+v", c)
		}
	}
}

// TestListPretty: as in every tool, -p alone is JSON, over several lines.
func TestListPretty(t *testing.T) {
	status, out, errs := run(t, "list", "-p", "tc-rate")
	if status != cli.ExitOK || !json.Valid([]byte(out)) || strings.Count(out, "\n") < 3 {
		t.Errorf("status %d, stdout %q, stderr %q", status, out, errs)
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"list no-such-case", `pattern "no-such-case": no case of that name`},
		{"run no-such-case", `pattern "no-such-case": no case of that name`},
		{"list [", "syntax error in pattern"},
		{"run --timeout 0s", "must be positive"},
		{"run --timeout soon", "invalid argument"},
		{"", "a command is missing"},
		{"upstream --tool perl", `tool "perl": no such tool (there are: python, ours, both)`},
		{"upstream --timeout 0s", "must be positive"},
		{"upstream --write x.md", "there is a table with --tool both only"},
		{"dialect --series 6.6", `series "6.6": no tests of that series`},
		{"dialect x", "unknown command"},
		{"upstream --jobs 0", "must be positive"},
		{"upstream --kernel 2.4", `kernel "2.4": no such kernel`},
		{"upstream --series 6.6", `series "6.6": no tests of that series (there are: 6.12, 7.2)`},
		{"upstream --vm xen", `vm "xen": no such virtual machine`},
		{"upstream --suite woody", `suite "woody": no such suite`},
		{"specs --kernel 2.4", `kernel "2.4": no such kernel`},
		{"upstream --vm vmware", `vm "vmware": no such virtual machine (there are: uml, qemu)`},
		{"specs --vm vmware", `vm "vmware": no such virtual machine (there are: uml, qemu)`},
		{"upstream --vm qemu --kernel 2.4", `kernel "2.4": no such kernel`},
		{"specs extra", "unknown command"},
		{"nothing", "unknown command"},
		{"parity --count 0", "must be positive"},
		{"parity --only -2", "no list has such a number"},
		{"parity --jobs 0", "must be positive"},
		{"parity --kernels 6.1,6.1", "named twice"},
		{"parity --kernels 5.10", `kernel "5.10"`},
		{"parity 6.1", "unknown command"},
		{"parity compare", "a file is missing"},
		{"matrix --from", "a file is missing"},
		{"matrix report.log", "files are taken with --from only"},
		{"matrix --kernels 5.10", `kernel "5.10"`},
		{"parity --kernels 6.1-newest-dpscope --vm uml", `kernel "6.1-newest-dpscope"`},
		{"parity --vm xen", `vm "xen"`},
		{"parity --vm qemu --smp 1000", "no such number of processors"},
		{"differences all", "unknown command"},
	} {
		status, out, errs := run(t, strings.Fields(tt.args)...)
		if status != cli.ExitUsage || out != "" || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: status %d, stdout %q, stderr %q; want %q", tt.args, status, out, errs, tt.want)
		}
	}
}
