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
}

// Tools are all there are. The first is the suite's own, unchanged.
var Tools = []Tool{
	{Name: "python"},
}

// ErrUnknownTool is the cause when there is no tool of a name.
var ErrUnknownTool = errors.New("no such tool")

// FindTool looks a tool up by name.
func FindTool(name string) (Tool, error) {
	var all []string
	for _, t := range Tools {
		if t.Name == name {
			return t, nil
		}
		all = append(all, t.Name)
	}
	return Tool{}, fmt.Errorf("tool %q: %w (there are: %s)", name, ErrUnknownTool, strings.Join(all, ", "))
}
