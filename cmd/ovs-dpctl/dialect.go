// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dpscope/dpscope/ovs/odp"
)

// dialectEnv names the tool whose command line is wanted, as --dialect does.
const dialectEnv = "DPSCOPE_DIALECT"

// pythonTool is the name of the kernel selftests' tool.
const pythonTool = "ovs-dpctl.py"

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
