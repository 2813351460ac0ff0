// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"

	"github.com/mdlayher/genetlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Running is the running system.
func Running() (System, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return System{}, &nl.Error{Op: "ask for the kernel's release", Err: err}
	}
	return System{Release: unix.ByteSliceToString(u.Release[:]), Machine: unix.ByteSliceToString(u.Machine[:])}, nil
}

// families are what the tools speak, with the version they were written for.
var families = []struct {
	name    string
	version uint32
	needed  bool
	what    string
}{
	{uapi.OVS_DATAPATH_FAMILY, uapi.OVS_DATAPATH_VERSION, true, "datapaths"},
	{uapi.OVS_VPORT_FAMILY, uapi.OVS_VPORT_VERSION, true, "ports"},
	{uapi.OVS_FLOW_FAMILY, uapi.OVS_FLOW_VERSION, true, "flows"},
	{uapi.OVS_PACKET_FAMILY, uapi.OVS_PACKET_VERSION, true, "upcalls"},
	{uapi.OVS_METER_FAMILY, uapi.OVS_METER_VERSION, false, "meters"},
	{uapi.OVS_CT_LIMIT_FAMILY, uapi.OVS_CT_LIMIT_VERSION, false, "limits of connections"},
	{"psample", 1, false, "samples"},
}

// Families lists the generic netlink families. Asking for one by its name would
// load its module; listing all does not.
func Families(ns *nl.NetNS) ([]genetlink.Family, error) {
	const netlinkGeneric = 16
	nc, err := nl.DialRaw(netlinkGeneric, ns)
	if err != nil {
		return nil, err
	}
	c := genetlink.NewConn(nc)
	defer c.Close()
	list, err := c.ListFamilies()
	if err != nil {
		return nil, &nl.Error{Op: "list generic netlink families", Err: err}
	}
	return list, nil
}

// CheckFamilies tells which families there are. With loadable the module that
// has them is not loaded but there.
func CheckFamilies(list []genetlink.Family, loadable bool) []Check {
	byName := map[string]genetlink.Family{}
	for _, f := range list {
		byName[f.Name] = f
	}
	var out []Check
	for _, want := range families {
		c := Check{Area: "family", Name: want.name, Status: OK}
		f, ok := byName[want.name]
		switch {
		case !ok:
			c.Status, c.Detail = Absent, "not there: no "+want.what
			if want.needed && !loadable {
				c.Status = Missing
			}
		case uint32(f.Version) < want.version:
			c.Status = Warning
			c.Detail = fmt.Sprintf("version %d, older than %d, which this tool was written for", f.Version, want.version)
			c.Advice = "use a kernel that is supported: README.md"
		default:
			c.Detail = fmt.Sprintf("version %d", f.Version)
		}
		if len(f.Groups) > 0 {
			names := make([]string, len(f.Groups))
			for i, g := range f.Groups {
				names[i] = g.Name
			}
			c.Detail += ", groups " + strings.Join(names, " ")
		}
		out = append(out, c)
	}
	return out
}
