// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/nl"
)

// NetNSFlag adds -N/--netns to a command and returns a function that opens
// what the user chose (nil for the current namespace). The caller closes it.
func NetNSFlag(cmd *cobra.Command) func() (*nl.NetNS, error) {
	spec := cmd.PersistentFlags().StringP("netns", "N", "", "work in network namespace `NAME`, a path, or pid:N")
	return func() (*nl.NetNS, error) { return nl.OpenNetNS(*spec) }
}

// NetNSFlagLong is NetNSFlag without the short letter, for tools where it is
// taken.
func NetNSFlagLong(cmd *cobra.Command) func() (*nl.NetNS, error) {
	spec := cmd.PersistentFlags().String("netns", "", "work in network namespace `NAME`, a path, or pid:N")
	return func() (*nl.NetNS, error) { return nl.OpenNetNS(*spec) }
}
