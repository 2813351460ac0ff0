// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"
	"fmt"
	"strings"
)

// Tool is a program the suite drives the datapath with.
type Tool struct {
	Name string
	// Files are programs that come first in the PATH of the tests, by name.
	// The suite calls its own tool as "python3 ovs-dpctl.py": another one takes
	// its place behind a python3 that knows that call.
	Files map[string]string
	// Programs are files of the host that come beside them, by name.
	Programs map[string]string
}

// Python is the suite's own tool, unchanged.
var Python = Tool{Name: "python"}

// oursName is our tool's name, and the one it stands in for.
const oursName = "ovs-dpctl.py"

// oursPython stands where the suite looks for Python, and hands the call of its
// tool on to ours. Any other is refused: no Python has part in the result.
const oursPython = `#!/bin/sh
case $1 in
*` + oursName + `) ;;
*)
	echo "python3: only calls of ` + oursName + ` are known here, not: $*" >&2
	exit 127
	;;
esac
shift
exec "${0%/*}/` + oursName + `" "$@"
`

// Ours is our ovs-dpctl, the program at path.
func Ours(path string) Tool {
	return Tool{
		Name:     "ours",
		Files:    map[string]string{"python3": oursPython},
		Programs: map[string]string{oursName: path},
	}
}

// ErrUnknownTool is the cause when there is no tool of a name.
var ErrUnknownTool = errors.New("no such tool")

// FindTools looks tools up by name: python, ours or both. Ours is the program at
// path.
func FindTools(name, path string) ([]Tool, error) {
	tools := []Tool{Python, Ours(path)}
	if name == "both" {
		return tools, nil
	}
	var all []string
	for _, t := range tools {
		if t.Name == name {
			return []Tool{t}, nil
		}
		all = append(all, t.Name)
	}
	return nil, fmt.Errorf("tool %q: %w (there are: %s, both)", name, ErrUnknownTool, strings.Join(all, ", "))
}
