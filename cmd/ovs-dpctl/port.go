// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
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
netdev port is an existing device; the others are made here, with the name IF.
Options behind the name:

  type=netdev|system      an existing device (the default)
  type=internal           a device of the datapath's own
  type=vxlan|geneve|gre   a tunnel whose flows say where to
  port_no=N               the port's number
  dst_port=N              the UDP port of a vxlan (4789) or geneve (6081) tunnel
  exts=gbp                vxlan with the group-based policy extension

If one port cannot be added, those added before it are taken back.`,
		Example: "  ovs-dpctl add-if dp0 veth0\n  ovs-dpctl add-if dp0 veth0,port_no=7 int0,type=internal\n  ovs-dpctl add-if dp0 vxlan0,type=vxlan,dst_port=4790",
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

// parsePorts reads IF[,type=TYPE][,port_no=N][,dst_port=N][,exts=gbp] words.
func parsePorts(args []string, typ ovs.VportType) ([]ovs.VportConfig, error) {
	var ports []ovs.VportConfig
	for _, arg := range args {
		p, err := parsePort(arg, typ)
		if err != nil {
			return nil, err
		}
		ports = append(ports, p)
	}
	return ports, nil
}

func parsePort(arg string, typ ovs.VportType) (ovs.VportConfig, error) {
	name, options, more := strings.Cut(arg, ",")
	p := ovs.VportConfig{Name: name, Type: typ}
	if name == "" {
		return p, cli.Usagef("port %q: the name is empty", arg)
	}
	tunnel := ovs.TunnelOptions{}
	for more {
		var option string
		option, options, more = strings.Cut(options, ",")
		key, value, _ := strings.Cut(option, "=")
		switch {
		case key == "type":
			t, err := portType(value)
			if err != nil {
				return p, err
			}
			p.Type = t
		case key == "port_no" || key == "dst_port":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil || n == 0 || key == "port_no" && n == 65535 {
				return p, cli.Usagef("port %q: %s=%s: want a number from 1 to %d", name, key, value, map[string]int{"port_no": 65534, "dst_port": 65535}[key])
			}
			if key == "port_no" {
				p.PortNo = uint32(n)
			} else {
				tunnel.DstPort = uint16(n)
			}
		case option == "exts=gbp":
			tunnel.GBP = true
		default:
			return p, cli.Usagef("port %q: no option %q (there are type=, port_no=, dst_port=, exts=gbp)", name, option)
		}
	}
	return withTunnel(p, tunnel)
}

// withTunnel gives a tunnel port its options, with the UDP port that is usual
// unless another is wanted: the kernel insists on one.
func withTunnel(p ovs.VportConfig, o ovs.TunnelOptions) (ovs.VportConfig, error) {
	usual := map[ovs.VportType]uint16{ovs.VportVXLAN: 4789, ovs.VportGeneve: 6081}[p.Type]
	switch {
	case usual == 0 && o.DstPort != 0:
		return p, cli.Usagef("port %q: dst_port= is for vxlan and geneve", p.Name)
	case o.GBP && p.Type != ovs.VportVXLAN:
		return p, cli.Usagef("port %q: exts=gbp is for vxlan", p.Name)
	case usual != 0:
		o.DstPort = cmp.Or(o.DstPort, usual)
		p.Tunnel = &o
	}
	return p, nil
}

// portType reads a port type in the words of either tool: what one calls
// system is netdev for the other and the kernel.
func portType(word string) (ovs.VportType, error) {
	switch word {
	case "netdev", "system":
		return ovs.VportNetdev, nil
	case "internal":
		return ovs.VportInternal, nil
	case "vxlan":
		return ovs.VportVXLAN, nil
	case "geneve":
		return ovs.VportGeneve, nil
	case "gre":
		return ovs.VportGRE, nil
	}
	return 0, cli.Usagef("port type %q: want netdev, internal, vxlan, geneve or gre", word)
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
