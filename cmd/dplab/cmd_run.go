// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
)

func runCommand() *cobra.Command {
	var flags guestFlags
	cmd := &cobra.Command{
		Use:   "run [flags] [--] COMMAND [ARG...]",
		Short: "run a command in a guest",
		Long: `run boots a kernel and runs one command in it, as root of that guest.

The command sees the host's files. What it changes is gone afterwards, except
below the current directory, which is shared and writable (unless that is / or
in /dev, /proc or /sys). /tmp, /run and /dev/shm are the guest's own and empty.

With --suite it sees the files of that Debian suite instead, a small system with
Open vSwitch, OVN, iproute2, tcpdump, Python and the like, on any kernel. Of the
host there are the current directory (unless it is part of the system, like
/usr), the directory of dplab and that of the command, at their own places. HOME
is /root then. The suite is built on first use, which takes a minute or so.

The guest is for trying things, not for locking them in: its root can get at
all that you can. Standard input, output and error are the command's; the
directory of dplab comes first in its PATH. Of the environment it gets TERM,
HOME, LANG and LC_*, TZ, the Go runtime's variables and DPSCOPE_*; --env adds
more. DPLAB_KERNEL, DPLAB_VM and DPLAB_SUITE ("host" without one) name what it
runs in.

With --vm uml the kernel is a process of the host: quick, one processor, and
without what Debian's user-mode kernels lack. With --vm qemu it is the kernel
that Debian installs on real machines, with tracing, several processors and
nothing else different for the command. Processors are emulated: the kernel is
slower then, by a factor of ten or more. KVM is used where it was seen to boot
the very kernel, which is tried once and remembered until the host boots again
(for twenty minutes, if the kernel was merely silent).

SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command; a second one ends the
guest.

Exit status: the command's; 128+N if signal N ended it; 124 after --timeout;
125 if the lab failed or the output could not be written; 126 if the command
cannot be run; 127 if there is none of that name.`,
		Example: `  dplab run -- uname -r
  dplab run --kernel 6.1 --timeout 30s -- ip link
  dplab run --suite trixie -- ovs-vswitchd --version
  dplab run --vm qemu --smp 4 -- nproc
  tar c . | dplab run -- tar t`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("a command is missing (see: dplab run --help)")
			}
			return nil
		},
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opt, err := flags.options(cmd)
		if err != nil {
			return err
		}
		opt.Argv = args
		return boot(cmd, opt)
	}
	return cmd
}
