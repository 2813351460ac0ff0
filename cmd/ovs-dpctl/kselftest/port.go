// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
)

// portTypes are the words of --ptype, by the kernel's types.
var portTypes = []ovs.VportType{ovs.VportNetdev, ovs.VportInternal, ovs.VportGRE, ovs.VportGeneve, ovs.VportVXLAN}

// newPort is what add-if is told.
type newPort struct {
	name   string
	typ    ovs.VportType
	dport  uint16
	lwt    bool
	upcall bool
}

func (t *tool) addIfCommand() *cobra.Command {
	var (
		p          newPort
		ptype, lwt string
		noLWT      bool
		typeWords  []string
	)
	for _, pt := range portTypes {
		typeWords = append(typeWords, pt.String())
	}
	cmd := &cobra.Command{
		Use:   "add-if DP IF",
		Short: "add a port to a datapath",
		Long: `add-if makes a network device a port of a datapath. It is no error if it is one
already. The types netdev and internal are an existing device, and one that is
made here. For gre, geneve and vxlan a device is made, too: one of the network
stack's own kind, for tunnels whose ends come with each packet, or with --no-lwt
one of Open vSwitch's.

With --upcall it goes on to print upcalls: one line for each packet that comes in
by the port and no flow matches, until it is interrupted. They come only if the
datapath leaves receivers to its ports (add-dp -V 2:1).`,
		Example: "  ovs-dpctl.py add-if dp0 veth0\n  ovs-dpctl.py add-if -t vxlan dp0 vxlan0",
		Args:    cobra.ExactArgs(2),
	}
	fl := cmd.Flags()
	fl.BoolVarP(&p.upcall, "upcall", "u", false, "leave a reader for upcalls open")
	fl.StringVarP(&ptype, "ptype", "t", ovs.VportNetdev.String(), "port `TYPE`: "+strings.Join(typeWords, ", "))
	fl.Uint16VarP(&p.dport, "dport", "p", 0, "UDP `PORT` of a tunnel; 0: 6081 for geneve, 4789 for vxlan")
	// A word, as the tool of Linux 6.12 has it, or none, as that of 7.2.
	fl.StringVarP(&lwt, "lwt", "l", "yes", "make tunnels of the network stack's devices; an empty value is no")
	fl.Lookup("lwt").NoOptDefVal = "yes"
	fl.BoolVar(&noLWT, "no-lwt", false, "make tunnels of Open vSwitch's own ports")
	cmd.MarkFlagsMutuallyExclusive("lwt", "no-lwt")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at := slices.Index(typeWords, ptype)
		if at < 0 {
			return cli.Usagef("--ptype %q: want one of %s", ptype, strings.Join(typeWords, ", "))
		}
		p.name, p.typ, p.lwt = args[1], portTypes[at], lwt != "" && !noLWT
		return t.withDatapath(cmd, args[0], func(s session, dp ovs.Datapath) error { return s.addIf(dp, p) })
	}
	return cmd
}

func (s session) addIf(dp ovs.Datapath, p newPort) error {
	var (
		sock *ovs.UpcallSocket
		pid  uint32
		err  error
	)
	if p.upcall {
		if sock, err = ovs.OpenUpcalls(nil); err != nil {
			return err
		}
		defer func() { _ = sock.Close() }()
		pid = sock.PID()
	}
	if err := checkName("add port", p.name); err != nil {
		return err
	}
	if p.typ != ovs.VportNetdev && p.typ != ovs.VportInternal { // a tunnel: see there
		nl.LoadIPv6(nil)
	}
	remove := func() error { return nil }
	if kind := p.device(); kind != "" {
		s.debugf(s.cmd, "make %s device %s", kind, p.name)
		if err := addTunnel(p.name, tunnel{kind, p.destination()}); err != nil {
			return err
		}
		remove = func() error { return delLink(p.name) }
	}
	object := fmt.Sprintf("%s of datapath %s", p.name, dp.Name)
	err = s.put(put{
		op: "add port", object: object, family: uapi.OVS_VPORT_FAMILY,
		command: uapi.OVS_VPORT_CMD_NEW, version: version, ifindex: dp.Ifindex, attrs: p.attrs(pid),
	})
	switch {
	case err == nil:
	case errors.Is(err, syscall.EEXIST) && s.isPort(dp, p.name):
		if p.upcall {
			s.debugf(s.cmd, "change port %s: upcalls to %d", object, pid)
			if err := s.SetVportUpcallPIDs(s.ctx(), dp, p.name, pid); err != nil {
				return err
			}
		}
	default:
		err = errors.Join(err, remove())
		err = hint(err, syscall.EEXIST, "a device of this name, or a tunnel like it, is there")
		err = hint(err, syscall.ENODEV, "no such network device in this namespace")
		err = hint(err, syscall.EBUSY, "the device belongs to another datapath, bridge or bond")
		err = hint(err, syscall.EINVAL, "a loopback, non-Ethernet or datapath device cannot be a port")
		return hint(err, syscall.EAFNOSUPPORT, "the kernel has no module for ports of this type")
	}
	if !p.upcall {
		return nil
	}
	return s.upcalls(sock)
}

// isPort tells whether the datapath has the port that the kernel says exists: it
// says the same of other devices.
func (s session) isPort(dp ovs.Datapath, name string) bool {
	_, err := s.Vport(s.ctx(), dp, name)
	return err == nil
}

// device is the kind of the network stack's device the port needs; none is "".
func (p newPort) device() string {
	if !p.lwt {
		return ""
	}
	switch p.typ {
	case ovs.VportGRE:
		return kindGRE
	case ovs.VportGeneve:
		return kindGeneve
	case ovs.VportVXLAN:
		return kindVXLAN
	default:
		return ""
	}
}

// destination is the UDP port of a tunnel; 0 if its type has none.
func (p newPort) destination() uint16 {
	switch {
	case p.typ == ovs.VportGeneve && p.dport == 0:
		return 6081 // GENEVE_UDP_PORT
	case p.typ == ovs.VportVXLAN && p.dport == 0:
		return 4789 // IANA_VXLAN_UDP_PORT
	case p.typ == ovs.VportGeneve || p.typ == ovs.VportVXLAN:
		return p.dport
	}
	return 0
}

// attrs is what the port is asked for with; pid receives its upcalls, 0 is
// nobody. The Python tool names a socket in any case, which is gone when it ends.
func (p newPort) attrs(pid uint32) []byte {
	typ := p.typ
	if p.device() != "" {
		typ = ovs.VportNetdev
	}
	b := nl.AppendString(nil, uapi.OVS_VPORT_ATTR_NAME, p.name)
	b = nl.AppendAttr(b, uapi.OVS_VPORT_ATTR_UPCALL_PID, words(pid, 1))
	if port := p.destination(); port != 0 && p.device() == "" {
		option := nl.AppendAttr(nil, uapi.OVS_TUNNEL_ATTR_DST_PORT, binary.NativeEndian.AppendUint16(nil, port))
		b = nl.AppendAttr(b, uapi.OVS_VPORT_ATTR_OPTIONS|nl.NestedFlag, option)
	}
	return nl.AppendUint32(b, uapi.OVS_VPORT_ATTR_TYPE, uint32(typ))
}

func (t *tool) delIfCommand() *cobra.Command {
	var dellink string
	cmd := &cobra.Command{
		Use:   "del-if DP IF",
		Short: "take a port off a datapath",
		Long: `del-if takes a port off a datapath. It is no error if the datapath has no such
port. With --dellink the network device is deleted, too.`,
		Args: cobra.ExactArgs(2),
	}
	cmd.Flags().StringVarP(&dellink, "dellink", "d", "", "delete the device, too; any `WORD` is yes, an empty one no")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return t.withDatapath(cmd, args[0], func(s session, dp ovs.Datapath) error {
			s.debugf(cmd, "delete port %s of datapath %s", args[1], dp.Name)
			perr := s.DelVport(s.ctx(), dp, args[1])
			gone := errors.Is(perr, ovs.ErrNoVport)
			if perr != nil && !gone || dellink == "" {
				if gone {
					return nil
				}
				return perr
			}
			err := delLink(args[1])
			// The device of an internal port went with it.
			if !gone && errors.Is(err, syscall.ENODEV) {
				return nil
			}
			return err
		})
	}
	return cmd
}

// words is a value, n times over.
func words(v uint32, n int) []byte {
	var b []byte
	for range max(1, n) {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}

// maxName is IFNAMSIZ - 1, linux/if.h.
const maxName = 15

func checkName(op, name string) error {
	switch {
	case name == "":
		return &nl.Error{Op: op, Err: errors.New("the name is empty")}
	case len(name) > maxName:
		return &nl.Error{Op: op, Object: name, Err: fmt.Errorf("the name is longer than %d bytes", maxName)}
	}
	return nil
}
