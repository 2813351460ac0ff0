// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs"
)

func addIfCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "add-if DP IF[,OPTION...]...",
		Short: "add ports to a datapath",
		Long: `add-if attaches network devices to a datapath as ports and brings them up. A
netdev port is an existing device; an internal one is made here. Options after
the device name: type=netdev|internal, port_no=N.

If one port cannot be added, those added before it are taken back.`,
		Example: "  ovs-dpctl add-if dp0 veth0\n  ovs-dpctl add-if dp0 veth0,port_no=7 int0,type=internal",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ports, err := parsePorts(args[1:], ovs.VportNetdev)
			if err != nil {
				return err
			}
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args[:1])
				if err != nil {
					return err
				}
				return s.addPorts(cmd.Context(), dp, ports)
			})
		},
	}
}

func delIfCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "del-if DP IF...",
		Short:   "take ports off a datapath",
		Example: "  ovs-dpctl del-if dp0 veth0",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args[:1])
				if err != nil {
					return err
				}
				for _, name := range args[1:] {
					if err := s.DelVport(cmd.Context(), dp, name); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// parsePorts reads IF[,type=TYPE][,port_no=N] words.
func parsePorts(args []string, typ ovs.VportType) ([]ovs.VportConfig, error) {
	var ports []ovs.VportConfig
	for _, arg := range args {
		name, options, more := strings.Cut(arg, ",")
		if name == "" {
			return nil, cli.Usagef("port %q: the name is empty", arg)
		}
		p := ovs.VportConfig{Name: name, Type: typ}
		for more {
			var option string
			option, options, more = strings.Cut(options, ",")
			key, value, _ := strings.Cut(option, "=")
			switch key {
			case "type":
				t, err := portType(value)
				if err != nil {
					return nil, err
				}
				p.Type = t
			case "port_no":
				n, err := strconv.ParseUint(value, 10, 16)
				if err != nil || n == 0 || n == 65535 {
					return nil, cli.Usagef("port %q: port_no=%s: want a number from 1 to 65534", name, value)
				}
				p.PortNo = uint32(n)
			default:
				return nil, cli.Usagef("port %q: no option %q (there are type=, port_no=)", name, option)
			}
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// portType reads a port type in the words of either tool: what one calls
// system is netdev for the other and the kernel.
func portType(word string) (ovs.VportType, error) {
	switch word {
	case "netdev", "system":
		return ovs.VportNetdev, nil
	case "internal":
		return ovs.VportInternal, nil
	}
	return 0, cli.Usagef("port type %q: want netdev or internal", word)
}

// addPorts adds ports and brings their devices up, as ovs-dpctl has always done;
// on an error none of them stays. Devices come up when all are ports, so that one
// is not left up because another could not be added.
func (s session) addPorts(ctx context.Context, dp ovs.Datapath, ports []ovs.VportConfig) (err error) {
	var added []ovs.Vport
	defer func() {
		if err == nil {
			return
		}
		for _, v := range added {
			if uerr := s.DelVport(undoContext(ctx), dp, v.Name); uerr != nil {
				err = fmt.Errorf("%w; taking back: %w", err, uerr)
			}
		}
	}()
	for _, p := range ports {
		v, err := s.AddVport(ctx, dp, p)
		if err != nil {
			return err
		}
		added = append(added, v)
	}
	for _, v := range added {
		if err := nl.SetLinkUp(ctx, s.ns, v.Ifindex, v.Name); err != nil {
			return err
		}
	}
	return nil
}

// undoContext lets the taking back of a half-done job run although the job was
// interrupted.
func undoContext(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// undo takes a half-done job back and returns why it ended, with a warning when
// something stayed.
func (s session) undo(cmd *cobra.Command, err error, back func() error) error {
	if uerr := back(); uerr != nil {
		cli.Warnf(cmd, "taking back what was done: %v", uerr)
	}
	return err
}
