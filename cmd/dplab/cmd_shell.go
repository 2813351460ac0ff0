// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/selftests/lab/suites"
)

func shellCommand() *cobra.Command {
	var flags guestFlags
	cmd := &cobra.Command{
		Use:   "shell [flags]",
		Short: "open a shell in a guest",
		Long: `shell boots a kernel and opens the user's shell in it, on a terminal of the
guest: Ctrl-C and Ctrl-Z go there, exit ends it. What the shell sees and what
stays of its doings is as for run. Without a terminal the shell reads its
commands from standard input.`,
		Args: cobra.NoArgs,
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		opt, err := flags.options(cmd)
		if err != nil {
			return err
		}
		opt.Argv = []string{shell(flags.suite)}
		term, err := openTerminal()
		if err != nil {
			return err
		}
		if term == nil {
			return boot(cmd, opt)
		}
		// Building first: its messages want a terminal that is not raw, and
		// Ctrl-C.
		if err := ensureBuilt(cmd, opt); err != nil {
			return err
		}
		opt.Argv = append(opt.Argv, "-i")
		where := flags.kernel
		if flags.suite != suites.Host {
			where += " " + flags.suite
		}
		opt.Env = append([]string{"PS1=(lab " + where + `) \w \$ `}, opt.Env...)
		if err := term.raw(); err != nil {
			return err
		}
		defer term.restore()
		opt.TTY, opt.Size, opt.Resize = true, term.size(), term.resized()
		return boot(cmd, opt)
	}
	return cmd
}

// shell is the user's if the guest can have it, too.
func shell(suite string) string {
	if suite != suites.Host {
		return "/bin/bash"
	}
	if s := os.Getenv("SHELL"); filepath.IsAbs(s) {
		if st, err := os.Stat(s); err == nil && st.Mode()&0o111 != 0 {
			return s
		}
	}
	if _, err := os.Stat("/bin/bash"); err == nil {
		return "/bin/bash"
	}
	return "/bin/sh"
}
