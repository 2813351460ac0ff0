// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dpscope/dpscope/selftests/proc"
)

// inLab is set by dplab in every guest. Outside of one the scripts would change
// the machine they run on.
const inLab = "DPLAB_KERNEL"

func TestScripts(t *testing.T) {
	kernel := os.Getenv(inLab)
	if kernel == "" {
		t.Skip("the scripts create devices and load modules: run them in a lab guest (make test does)")
	}
	testscript.RunT(serial{t}, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(cond string) (bool, error) {
			name, ok := strings.CutPrefix(cond, "kernel:")
			if !ok {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return name == kernel, nil
		},
		Setup: func(env *testscript.Env) error {
			before, err := takeInventory()
			if err != nil {
				return err
			}
			env.Defer(func() {
				after, err := takeInventory()
				if err != nil {
					env.T().Fatal(err)
				}
				if left := after.beyond(before); len(left) > 0 {
					remove(left)
					env.T().Fatal("left behind: " + strings.Join(left, ", "))
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":  cmdStatus,
			"oneline": cmdOneLine,
			"start":   cmdStart,
			"signal":  cmdSignal,
			"end":     cmdEnd,
		},
	})
}

// cmdStatus runs a command and wants exactly this exit status:
//
//	status N COMMAND [ARG...]
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	got, err := proc.Status(cmd.Run())
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// cmdOneLine wants the last command to have said exactly one line on stderr.
func cmdOneLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: oneline")
	}
	s := ts.ReadFile("stderr")
	if strings.Count(s, "\n") != 1 || !strings.HasSuffix(s, "\n") {
		ts.Fatalf("stderr is not one line: %q", s)
	}
}

// serial keeps testscript from running scripts side by side: they share the
// guest's devices and modules.
type serial struct{ *testing.T }

func (serial) Parallel() {}

func (s serial) Verbose() bool { return testing.Verbose() }

func (s serial) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(serial{t}) })
}

// inventory is what a tool may create: links, namespaces, datapath processes.
type inventory map[string]bool

func takeInventory() (inventory, error) {
	inv := inventory{}
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		inv["link "+l.Name] = true
	}
	names, err := os.ReadDir("/run/netns")
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, n := range names {
		inv["netns "+n.Name()] = true
	}
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, p := range procs {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		comm, _ := os.ReadFile("/proc/" + p.Name() + "/comm")
		switch c := strings.TrimSpace(string(comm)); c {
		case "ovs-dpctl", "psample-listen", "tc-sample", "dpscope-selftes":
			inv["process "+c+" "+p.Name()] = true
		}
	}
	return inv, nil
}

func (inv inventory) beyond(before inventory) []string {
	var left []string
	for what := range inv {
		if !before[what] {
			left = append(left, what)
		}
	}
	slices.Sort(left)
	return left
}

// remove takes away what a failed script left, so that it fails alone.
func remove(left []string) {
	for _, what := range left {
		var cmd *exec.Cmd
		switch f := strings.Fields(what); f[0] {
		case "link":
			// The internal port of a datapath goes with the datapath only.
			_ = exec.Command("ovs-dpctl", "del-dp", f[1]).Run()
			cmd = exec.Command("ip", "link", "del", f[1])
		case "netns":
			cmd = exec.Command("ip", "netns", "del", f[1])
		default:
			cmd = exec.Command("kill", "-9", f[2])
		}
		_ = cmd.Run() // the other end of a pair is gone already
	}
}
