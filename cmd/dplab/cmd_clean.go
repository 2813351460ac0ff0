// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/lab"
)

func cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "remove everything that was built and fetched",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			freed, busy, err := lab.Clean(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			cli.Warnf(cmd, "freed %d MB", freed>>20)
			if len(busy) > 0 {
				cli.Warnf(cmd, "kept, as guests are using it: %s", strings.Join(busy, ", "))
			}
			return nil
		},
	}
}
