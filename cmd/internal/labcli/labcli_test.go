// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labcli

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/guest"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

func TestVM(t *testing.T) {
	for _, c := range []struct {
		args []string
		want kernels.VM
	}{
		{nil, kernels.UML}, {[]string{"--vm", "uml"}, kernels.UML}, {[]string{"--vm=qemu"}, kernels.QEMU},
		{[]string{"--vm", ""}, ""}, {[]string{"--vm", "vmware"}, ""},
	} {
		cmd := &cobra.Command{Use: "x"}
		var vm VM
		vm.Add(cmd)
		err := cmd.ParseFlags(c.args)
		if got := kernels.VM(vm); (err == nil) != (c.want != "") || err == nil && got != c.want {
			t.Errorf("%q: %q, %v", c.args, got, err)
		}
	}
}

func TestPrintDetails(t *testing.T) {
	boot := &guest.Error{Err: errors.New("boot"), Console: []string{"one", "two"}}
	log := &build.LogError{Err: errors.New("make"), Log: "file", Lines: []string{"three"}}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("plain"), ""},
		{fmt.Errorf("run: %w", boot), "console: one\nconsole: two\n"},
		{fmt.Errorf("build: %w", log), "log: three\n"},
		{errors.Join(boot, log), "console: one\nconsole: two\nlog: three\n"},
	} {
		cmd := &cobra.Command{Use: "x"}
		var errs bytes.Buffer
		cmd.SetErr(&errs)
		PrintDetails(cmd, c.err)
		if errs.String() != c.want {
			t.Errorf("%v: %q", c.err, errs.String())
		}
	}
}
