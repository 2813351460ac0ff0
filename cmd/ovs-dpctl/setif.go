// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/ovs"
)

func setIfCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "set-if DP IF[,OPTION...]...",
		Short: "check that ports are as they should be",
		Long: `set-if checks each port against the options behind its name, type= and
port_no=, as in add-if. Neither can be changed: a port that differs is an error.
Nothing else about a port of the kernel's can be set, so that nothing is sent
that changes it. All ports are looked at before the command ends.`,
		Example: "  ovs-dpctl set-if dp0 veth0,port_no=7",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := parsePorts(args[1:], 0)
			if err != nil {
				return err
			}
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args[:1])
				if err != nil {
					return err
				}
				vports, err := s.Vports(cmd.Context(), dp)
				if err != nil {
					return err
				}
				byName := map[string]ovs.Vport{}
				for _, v := range vports {
					byName[v.Name] = v
				}
				var wrong []error
				for _, w := range wanted {
					v, ok := byName[w.Name]
					if !ok {
						wrong = append(wrong, fmt.Errorf("set port %s of datapath %s: %w", w.Name, dp.Name, ovs.ErrNoVport))
						continue
					}
					wrong = append(wrong, portDiffers(w, v))
				}
				return errors.Join(wrong...)
			})
		},
	}
}

// portDiffers tells what of a port is not as wanted; nil when all is.
func portDiffers(want ovs.VportConfig, is ovs.Vport) error {
	switch {
	case want.Type != 0 && want.Type != is.Type:
		return fmt.Errorf("set port %s: its type is %s and cannot be changed to %s", is.Name, is.Type, want.Type)
	case want.PortNo != 0 && want.PortNo != is.PortNo:
		return fmt.Errorf("set port %s: its number is %d and cannot be changed to %d", is.Name, is.PortNo, want.PortNo)
	}
	return nil
}
