// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command dplab runs commands inside throw-away kernels that have what the host
// lacks.
package main

import (
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/lab"
)

func main() {
	lab.Hook()
	cli.Main(newCommand())
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "dplab",
		Short: "run commands inside throw-away kernels",
		Long: `dplab boots a kernel as an ordinary process (user-mode Linux) or on a machine
of qemu's, on top of the host's own files or those of a Debian suite, and runs
one command in it as root. It takes a second or a few, needs neither root nor
KVM, and leaves nothing behind.

Kernels and suites come from Debian packages, fetched on first use from the machine's own
package sources, or for other suites from the same mirror. They are kept below
$XDG_CACHE_HOME (or ~/.cache) in dpscope/lab.`,
	}
	root.AddCommand(runCommand(), shellCommand(), buildCommand(), listCommand(), cleanCommand(), doctorCommand())
	return root
}
