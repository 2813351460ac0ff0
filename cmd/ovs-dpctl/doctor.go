// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/cmd/ovs-dpctl/doctor"
	"github.com/dpscope/dpscope/cmd/ovs-dpctl/owner"
	"github.com/dpscope/dpscope/internal/modstate"
	"github.com/dpscope/dpscope/internal/probe"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// doctorSchema is the schema of doctor.
const doctorSchema = "ovs-doctor/1"

func doctorCommand(o *options) *cobra.Command {
	var (
		flags cli.ListFlags
		try   bool
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "tell what this machine has, what is missing and what to do",
		Long: `doctor looks at the kernel, its modules (whose they are, too: dpscope's or the
kernel's own) and netlink families, at the privileges of whoever runs it, and at
the datapaths and who looks after them. It only reads: no module is loaded,
nothing is changed.

With --probe it also tries what the kernel's openvswitch can do, in a network
namespace and a datapath made for it that are gone afterwards. That needs
CAP_SYS_ADMIN and may load modules.

What is "absent" only some commands need; if something is "missing", without
which nothing works, the exit status is 3.`,
		Example: "  ovs-dpctl doctor\n  ovs-dpctl doctor --probe -j | jq -r '.items[] | select(.area == \"feature\" and .status != \"ok\").name'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ns, err := o.netns()
			if err != nil {
				return err
			}
			defer func() { _ = ns.Close() }()
			list, err := examine(cmd.Context(), ns, o)
			if err != nil {
				return err
			}
			var perr error
			if try {
				var found []doctor.Check
				found, perr = tryFeatures(cmd.Context())
				list = append(list, found...)
			}
			if flags.JSON() {
				err = cli.PrintList(cmd.OutOrStdout(), doctorSchema, list, flags.Pretty())
			} else {
				err = doctor.WriteText(cmd.OutOrStdout(), list)
			}
			switch {
			case err != nil:
				return err
			case perr != nil:
				return perr
			case doctor.AnyMissing(list):
				return cli.Exit(cli.ExitUnsupported)
			}
			return nil
		},
	}
	flags.Add(cmd)
	cmd.Flags().BoolVar(&try, "probe", false, "try features in a network namespace of its own")
	return cmd
}

func examine(ctx context.Context, ns *nl.NetNS, o *options) ([]doctor.Check, error) {
	sys, err := doctor.Running()
	if err != nil {
		return nil, err
	}
	families, err := doctor.Families(ns)
	if err != nil {
		return nil, err
	}
	list := append([]doctor.Check{sys.Kernel()}, sys.Modules(families)...)
	if r, err := modstate.Host(); err != nil {
		list = append(list, doctor.Check{Area: "patches", Name: "dpscope", Status: doctor.Unknown, Detail: err.Error()})
	} else {
		list = doctor.Whose(list, r)
	}
	list = append(list, doctor.CheckFamilies(families, doctor.Loadable(list))...)
	list = append(list, sys.Privileges()...)
	list = append(list, sys.Settings()...)
	for _, p := range (owner.Finder{NetNS: ns}).Vswitchds() {
		list = append(list, doctor.Check{Area: "daemon", Name: owner.Vswitchd, Status: doctor.Info, Detail: fmt.Sprintf("runs as process %d", p.PID)})
	}
	for _, f := range families {
		if f.Name == uapi.OVS_DATAPATH_FAMILY { // to ask for it would load the module
			dps, err := examineDatapaths(ctx, o)
			return append(list, dps...), err
		}
	}
	return list, nil
}

func examineDatapaths(ctx context.Context, o *options) (list []doctor.Check, err error) {
	err = withClient(o, func(s session) error {
		dps, err := s.Datapaths(ctx)
		if err != nil {
			return err
		}
		for _, dp := range dps {
			c := doctor.Check{Area: "datapath", Name: dp.Name, Status: doctor.Info, Detail: "nobody receives its packets"}
			owners, err := s.owners(ctx, dp)
			switch {
			case err != nil:
				c.Status, c.Detail = doctor.Unknown, err.Error()
			case len(owners) > 0:
				names := make([]string, len(owners))
				for i, p := range owners {
					names[i] = p.String()
				}
				c.Detail = "its packets go to " + strings.Join(names, ", ")
			}
			list = append(list, c)
		}
		return nil
	})
	return list, err
}

func tryFeatures(ctx context.Context) ([]doctor.Check, error) {
	features, err := probe.Features(ctx)
	if err != nil {
		return nil, err
	}
	var list []doctor.Check
	for _, f := range features {
		c := doctor.Check{Area: "feature", Name: f.Name, Status: doctor.OK, Detail: f.What}
		switch {
		case f.Err != nil:
			c.Status, c.Detail = doctor.Unknown, f.What+": "+f.Err.Error()
		case !f.Has:
			c.Status = doctor.Absent
			if f.Since != "" {
				c.Advice = "needs " + f.Since
			}
		}
		list = append(list, c)
	}
	return list, nil
}
