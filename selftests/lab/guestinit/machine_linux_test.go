// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

func TestPort(t *testing.T) {
	class := t.TempDir()
	for dev, name := range map[string]string{"vport0p1": wire.LineDoorbell, "vport0p2": wire.LineStdout, "vport1p2": "stdout2"} {
		if err := os.Mkdir(filepath.Join(class, dev), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(class, dev, "name"), []byte(name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{wire.LineDoorbell: "vport0p1", wire.LineStdout: "vport0p2", wire.LineReport: ""} {
		if got, err := port(class, name); got != want || (err == nil) != (want != "") {
			t.Errorf("port(%s) = %q, %v", name, got, err)
		}
	}
}

func TestReachHost(t *testing.T) {
	if _, ok := reachHost(wire.VMQEMU).(*machineHost); !ok {
		t.Error("a machine is not taken for one")
	}
	for _, vm := range []string{wire.VMUML, ""} {
		if _, ok := reachHost(vm).(umlHost); !ok {
			t.Errorf("%q is not taken for user-mode Linux", vm)
		}
	}
	if _, err := (umlHost{}).line("nothing", 0); err == nil {
		t.Error("a line of no such name was opened")
	}
}
