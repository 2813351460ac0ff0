// SPDX-License-Identifier: Apache-2.0

// Command psample-listen reads the packet samples of the kernel's psample
// module and prints them as text or JSON Lines.
package main

import (
	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/internal/listen"
)

func main() { cli.Main(listen.Tool()) }
