// SPDX-License-Identifier: Apache-2.0

package outside

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outsideProgram is what somebody else may write: it has only what is exported.
const outsideProgram = `package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/psample"
)

func main() {
	m, as := odp.Match{}, odp.Actions{odp.Psample{Group: 7}}
	fmt.Println(m.String(), as)
	if len(os.Args) < 2 {
		return
	}
	ctx := context.Background()
	c, err := ovs.Open(nil)
	if errors.Is(err, ovs.ErrUnsupported) {
		return
	}
	dp, err := c.Datapath(ctx, os.Args[1])
	if err != nil {
		panic(err)
	}
	for f, err := range c.Flows(ctx, dp, ovs.FlowDump{}) {
		fmt.Println(f.Match, f.Actions, f.Packets, err)
	}
	var s psample.Sample
	fmt.Println(s.Group)
}
`

// TestOutsideModule builds a program of another module with ovs and psample,
// without the network.
func TestOutsideModule(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// Go runs a test again when files it has looked at are others.
	for _, tree := range []string{"internal", "nl", "ovs", "psample"} {
		if err := filepath.WalkDir(filepath.Join(root, tree), func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.go": outsideProgram,
		"go.mod": "module example.org/outside\n\n" + goLine(string(mod)) + "\nrequire github.com/dpscope/dpscope v0.0.0\n\n" +
			"replace github.com/dpscope/dpscope => " + root + "\n",
		"go.sum": string(sum),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOTOOLCHAIN=local")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	run("go", "build", "-o", "outside", ".")
	if got := run(filepath.Join(dir, "outside")); got != " psample(group=7)\n" {
		t.Errorf("got %q", got)
	}
}

// goLine is the line of a go.mod that names the language version.
func goLine(mod string) string {
	for line := range strings.Lines(mod) {
		if strings.HasPrefix(line, "go ") {
			return line
		}
	}
	return ""
}
