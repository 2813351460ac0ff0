// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package labcli is what the commands that boot guests of the lab have in
// common on the command line. The other commands do not carry the lab.
package labcli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/guest"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// VM is the flag for what runs the kernel.
type VM kernels.VM

// Add adds the flag to a command.
func (v *VM) Add(cmd *cobra.Command) {
	*v = VM(kernels.UML)
	cmd.Flags().Var(v, "vm", "what runs the kernel: uml, a process of the host, or qemu, a machine")
	_ = cmd.RegisterFlagCompletionFunc("vm", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{
			string(kernels.UML) + "\tuser-mode Linux: a process of the host",
			string(kernels.QEMU) + "\tDebian's kernel for real machines, several processors",
		}, cobra.ShellCompDirectiveNoFileComp
	})
}

func (v *VM) String() string { return string(*v) }

// Type names the kind of value in help texts.
func (v *VM) Type() string { return "VM" }

// Set reads a name.
func (v *VM) Set(text string) error {
	parsed, err := kernels.ParseVM(text)
	if err == nil && text == "" {
		err = errors.New("want a name")
	}
	*v = VM(parsed)
	return err
}

// PrintDetails prints on stderr what an error of the lab carries beyond its one
// line: the end of the guest's console, that of a build step's log.
func PrintDetails(cmd *cobra.Command, err error) {
	if boot, ok := errors.AsType[*guest.Error](err); ok {
		for _, line := range boot.Console {
			fmt.Fprintf(cmd.ErrOrStderr(), "console: %s\n", line)
		}
	}
	if log, ok := errors.AsType[*build.LogError](err); ok {
		for _, line := range log.Lines {
			fmt.Fprintf(cmd.ErrOrStderr(), "log: %s\n", line)
		}
	}
}
