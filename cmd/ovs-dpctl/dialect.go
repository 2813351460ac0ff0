// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/ovs-dpctl/kselftest"
	"github.com/dpscope/dpscope/ovs/odp"
)

// dialectEnv names the tool whose command line is wanted, as --dialect does.
const dialectEnv = "DPSCOPE_DIALECT"

// pythonTool is the name of the kernel selftests' tool.
const pythonTool = "ovs-dpctl.py"

// dialectHelp is what the help says of the other command line.
const dialectHelp = `

With --dialect kselftest as the first argument, with DPSCOPE_DIALECT=kselftest
in the environment, or called as ovs-dpctl.py, it takes the words of the kernel
selftests' tool of that name instead (docs/kselftest-dialect.md).`

// command is the command line that is wanted; the arguments of the process are
// left without what chose it.
func command() *cobra.Command {
	dialect, args, err := chooseDialect(os.Args, os.Getenv(dialectEnv))
	if err != nil {
		fmt.Fprintf(os.Stderr, "ovs-dpctl: %v\n", err)
		os.Exit(cli.ExitUsage)
	}
	os.Args = append(os.Args[:1:1], args...)
	if dialect == odp.Kselftest {
		return kselftest.New(filepath.Base(os.Args[0]))
	}
	root := newCommand()
	root.Long += dialectHelp
	return root
}

// chooseDialect tells whose command line this is: that of the first argument,
// --dialect, which rest comes without, else of the environment, else of the name
// the program is called by.
func chooseDialect(args []string, env string) (d odp.Dialect, rest []string, err error) {
	rest = args[1:]
	word, from := env, dialectEnv
	if len(rest) > 0 {
		const flag = "--dialect"
		if v, ok := strings.CutPrefix(rest[0], flag+"="); ok {
			word, from, rest = v, flag, rest[1:]
		} else if rest[0] == flag {
			if len(rest) == 1 {
				return 0, nil, fmt.Errorf("%s: want ovs or kselftest behind it", flag)
			}
			word, from, rest = rest[1], flag, rest[2:]
		}
	}
	if word == "" && from == dialectEnv {
		if filepath.Base(args[0]) == pythonTool {
			return odp.Kselftest, rest, nil
		}
		return odp.OVS, rest, nil
	}
	if d, err = odp.ParseDialect(word); err != nil {
		err = fmt.Errorf("%s: %w", from, err)
	}
	return d, rest, err
}
