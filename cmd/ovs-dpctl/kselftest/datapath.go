// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
)

func (t *tool) addDPCommand() *cobra.Command {
	var (
		upcall     bool
		versioning string
	)
	cmd := &cobra.Command{
		Use:   "add-dp NAME",
		Short: "add a datapath",
		Long: `add-dp makes a datapath and the network device of the same name that is its
local port. It is no error if the datapath is there already.

With --upcall it goes on to print upcalls: one line for each packet that no flow
matches, until it is interrupted.`,
		Example: "  ovs-dpctl.py add-dp dp0\n  ovs-dpctl.py add-dp dp0 -V 2:1",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVarP(&upcall, "upcall", "u", false, "leave a reader for upcalls open")
	cmd.Flags().StringVarP(&versioning, "versioning", "V", "", "version of the request and user features of the datapath, `VERSION[:FEATURES]` (default 2:8)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v := version2
		if cmd.Flags().Changed("versioning") {
			var err error
			if v, err = parseVersioning(versioning); err != nil {
				return err
			}
		}
		return t.run(cmd, func(s session) error { return s.addDP(args[0], v, upcall) })
	}
	return cmd
}

// versioning is what -V says.
type versioning struct {
	version  uint8
	features uint32
}

// version2 is what holds without -V.
var version2 = versioning{version, uapi.OVS_DP_F_DISPATCH_UPCALL_PER_CPU}

// parseVersioning reads VERSION[:FEATURES].
func parseVersioning(s string) (versioning, error) {
	ver, feat, given := strings.Cut(s, ":")
	out := version2
	n, err := number(ver, 8)
	if err == nil && given {
		var f uint64
		f, err = number(feat, 32)
		out.features = uint32(f)
	}
	if err != nil {
		return out, fmt.Errorf("--versioning %q: want VERSION[:FEATURES]: %w", s, err)
	}
	out.version = uint8(n)
	return out, nil
}

// number reads an unsigned integer as Python does with base 0. Errors show what
// was wrong with it.
func number(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 0, bits)
	if err == nil && len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		err = strconv.ErrSyntax // octal for one language and an error for the other
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%q is more than %d", s, uint64(1)<<bits-1)
	case err != nil:
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}

func (s session) addDP(name string, v versioning, upcall bool) error {
	var (
		sock *ovs.UpcallSocket
		pid  uint32
		err  error
	)
	if upcall {
		if sock, err = ovs.OpenUpcalls(nil); err != nil {
			return err
		}
		defer func() { _ = sock.Close() }()
		pid = sock.PID()
	}
	attrs, err := datapathAttrs(name, v.features, pid)
	if err != nil {
		return err
	}
	err = s.put(put{
		op: "add datapath", object: name, family: uapi.OVS_DATAPATH_FAMILY,
		command: uapi.OVS_DP_CMD_NEW, version: v.version, attrs: attrs,
	})
	switch {
	case err == nil:
		err = say(s.cmd, "DP '%s' added", name)
	case errors.Is(err, syscall.EEXIST):
		err = say(s.cmd, "DP '%s' already exists", name)
	}
	if err != nil || !upcall {
		return hint(err, syscall.EINVAL, "is it a valid device name, and are these features this kernel has?")
	}
	return s.upcalls(sock)
}

// datapathAttrs is what a new datapath is asked for with; pid receives its
// upcalls, 0 is nobody.
func datapathAttrs(name string, features, pid uint32) ([]byte, error) {
	if err := checkName("add datapath", name); err != nil {
		return nil, err
	}
	b := nl.AppendString(nil, uapi.OVS_DP_ATTR_NAME, name)
	// The local port's. The Python tool repeats it for every processor but one:
	// on a machine with a single one that is none, which the kernel refuses.
	b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_UPCALL_PID, pid)
	b = nl.AppendUint32(b, uapi.OVS_DP_ATTR_USER_FEATURES, features)
	if pid != 0 && features&uapi.OVS_DP_F_DISPATCH_UPCALL_PER_CPU != 0 {
		// Without them this feature means that nobody hears of any upcall.
		b = nl.AppendAttr(b, uapi.OVS_DP_ATTR_PER_CPU_PIDS, words(pid, runtime.NumCPU()))
	}
	return b, nil
}

func (t *tool) delDPCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "del-dp NAME",
		Short: "delete a datapath with its ports and flows",
		Long:  "del-dp deletes a datapath. It is no error if there is none.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.run(cmd, func(s session) error {
				s.debugf(cmd, "delete datapath %s", args[0])
				if err := s.DelDatapath(s.ctx(), args[0]); !errors.Is(err, ovs.ErrNoDatapath) {
					return err
				}
				return nil
			})
		},
	}
}

func (t *tool) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [NAME]",
		Short: "show datapaths with counters and ports",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.run(cmd, func(s session) error { return s.show(args) })
		},
	}
}

func (s session) show(names []string) error {
	dps, err := s.Datapaths(s.ctx())
	if err != nil {
		return err
	}
	// The Python tool goes through the network devices.
	slices.SortFunc(dps, func(a, b ovs.Datapath) int { return a.Ifindex - b.Ifindex })
	found := false
	for _, dp := range dps {
		if len(names) > 0 && dp.Name != names[0] {
			continue
		}
		found = true
		ports, err := s.Vports(s.ctx(), dp)
		if err != nil {
			return err
		}
		slices.SortStableFunc(ports, func(a, b ovs.Vport) int { return a.Ifindex - b.Ifindex })
		if _, err := s.cmd.OutOrStdout().Write(appendDatapath(nil, dp, ports)); err != nil {
			return fmt.Errorf("write standard output: %w", err)
		}
	}
	switch {
	case found:
		return nil
	case len(names) > 0:
		return say(s.cmd, "No DP found:'%s'", names[0])
	default:
		return say(s.cmd, "No DP found")
	}
}

// appendDatapath writes what show prints of a datapath.
func appendDatapath(b []byte, dp ovs.Datapath, ports []ovs.Vport) []byte {
	st := dp.Stats
	b = fmt.Appendf(b, "%s:\n  lookups: hit:%d missed:%d lost:%d\n  flows:%d\n", dp.Name, st.Hit, st.Missed, st.Lost, st.Flows)
	var m ovs.MegaflowStats
	if dp.MegaflowStats != nil {
		m = *dp.MegaflowStats
	}
	perPacket := 0.0
	if packets := st.Hit + st.Missed; packets != 0 {
		perPacket = float64(m.MaskHit) / float64(packets)
	}
	b = fmt.Appendf(b, "  masks: hit:%d total:%d hit/pkt:%f\n", m.MaskHit, m.Masks, perPacket)
	if dp.MasksCacheSize != nil {
		b = fmt.Appendf(b, "  caches:\n    masks-cache: size:%d\n", *dp.MasksCacheSize)
	}
	b = fmt.Appendf(b, "  features: 0x%X\n", dp.UserFeatures)
	for _, p := range ports {
		b = fmt.Appendf(b, "  port %d: %s (%s%s)\n", p.PortNo, p.Name, p.Type, portOptions(p))
	}
	return b
}

// portOptions tells the UDP port of a tunnel.
func portOptions(p ovs.Vport) string {
	for at, err := range nl.Attrs(p.Options) {
		if err != nil {
			break
		}
		if port, ok := at.Uint16(); ok && at.Type == uapi.OVS_TUNNEL_ATTR_DST_PORT {
			return fmt.Sprintf(" tnl-dport:%d", port)
		}
	}
	return ""
}
