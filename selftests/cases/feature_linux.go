// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/internal/probe"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// Features cases ask for.
const (
	// Psample is the psample generic-netlink family.
	Psample selftests.Feature = "psample"
	// TCSample is tc's sample action with clsact and matchall.
	TCSample selftests.Feature = "tc-sample"
	// OpenVSwitch is the kernel datapath.
	OpenVSwitch selftests.Feature = "openvswitch"
	// SampleCookie: the sample action's cookie reaches psample, and psample
	// does no work when nobody listens; both came with the same release.
	SampleCookie selftests.Feature = "sample-cookie"
	// PsampleAction is Open vSwitch's psample action with the probability.
	PsampleAction selftests.Feature = "psample-action"
	// VXLAN is vxlan devices that take metadata from packets.
	VXLAN selftests.Feature = "vxlan"
	// Tracepoints is tracefs with the tracepoint of dropped packets.
	Tracepoints selftests.Feature = "tracepoints"
	// IdleModules: psample, act_sample and openvswitch are loaded as modules,
	// and nobody else uses them.
	IdleModules selftests.Feature = "idle-modules"
)

const sincePatches = "Linux 6.11, or 6.1 with dpscope's patches"

// Features tells how to find out about each feature. Where tools have a probe
// of their own it is one of two, so that an error in it shows up here instead
// of switching tests off.
func Features() []selftests.FeatureProbes {
	return []selftests.FeatureProbes{
		{Feature: Psample, Since: "the module psample", Probes: []selftests.Probe{
			{Name: "family lookup", Has: hasFamily(uapi.PSAMPLE_GENL_NAME, "psample")},
			{Name: "kernel symbols", Has: hasSymbol("psample_sample_packet")},
		}},
		{Feature: OpenVSwitch, Since: "the module openvswitch", Probes: []selftests.Probe{
			{Name: "family lookup", Has: hasFamily(uapi.OVS_DATAPATH_FAMILY, "openvswitch")},
			{Name: "kernel symbols", Has: hasSymbol("ovs_dp_process_packet")},
		}},
		{Feature: TCSample, Since: "the modules act_sample, cls_matchall and sch_ingress", Probes: []selftests.Probe{
			{Name: "a sample action with a bad rate", Has: trial(func(t *selftests.T) bool {
				has, err := topo.HaveTCSample(t.Context(), t.NS())
				t.Must(err)
				return has
			})},
		}},
		{Feature: SampleCookie, Since: sincePatches, Probes: []selftests.Probe{
			{Name: "the tools' probe", Has: toolProbe(probe.SampleCookie)},
			{Name: "a sample over a veth pair", Has: trial(cookieArrives)},
		}},
		{Feature: PsampleAction, Since: sincePatches, Probes: []selftests.Probe{
			{Name: "the tools' probe", Has: toolProbe(probe.PsampleAction)},
			{Name: "a packet through a datapath", Has: trial(psampleActionSamples)},
		}},
		{Feature: VXLAN, Since: "the module vxlan", Probes: []selftests.Probe{
			{Name: "a device", Has: trial(func(t *selftests.T) bool {
				err := topo.TryVXLAN(t, t.NS(), "probe", 4789)
				if errors.Is(err, unix.EOPNOTSUPP) {
					return false
				}
				t.Must(err)
				return true
			})},
		}},
		{Feature: Tracepoints, Since: "a kernel built with tracing, as those for real machines are", Optional: userMode(), Probes: []selftests.Probe{
			{Name: "/proc/filesystems", Has: hasTracefs},
			{Name: "the tracepoint", Has: trial(hasDropTrace)},
		}},
		{Feature: IdleModules, Since: "psample, act_sample and openvswitch as modules that nobody else uses", Probes: []selftests.Probe{
			{Name: "/proc/modules", Has: modulesIdle},
		}},
	}
}

// trial makes a probe of steps that run like a case.
func trial(fn func(t *selftests.T) bool) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		has := false
		err := selftests.Trial(ctx, func(t *selftests.T) { has = fn(t) })
		return has && err == nil, err
	}
}

// toolProbe takes the lack of a module for the lack of what it would offer.
func toolProbe(fn func(context.Context) (bool, error)) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		has, err := fn(ctx)
		if errors.Is(err, nl.ErrUnsupported) {
			return false, nil
		}
		return has, err
	}
}

func hasFamily(name, module string) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) {
		_, err := nl.LookupFamily(nil, name, module)
		if errors.Is(err, nl.ErrUnsupported) {
			return false, nil
		}
		return err == nil, err
	}
}

// hasSymbol looks for a function in the kernel's symbol table, which lists
// those of modules, too.
func hasSymbol(name string) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) {
		f, err := os.Open("/proc/kallsyms")
		if err != nil {
			return false, fmt.Errorf("read kernel symbols: %w", err)
		}
		defer f.Close()
		s := bufio.NewScanner(f)
		for s.Scan() {
			// "address type name [module]"
			if fields := strings.Fields(s.Text()); len(fields) > 2 && fields[2] == name {
				return true, nil
			}
		}
		return false, s.Err()
	}
}

// available answers within a trial whether a prerequisite is there at all.
func available(t *selftests.T, name, module string) bool {
	has, err := hasFamily(name, module)(t.Context())
	t.Must(err)
	return has
}

func cookieArrives(t *selftests.T) bool {
	if !available(t, uapi.PSAMPLE_GENL_NAME, "psample") {
		return false
	}
	ns := topo.NewNS(t)
	if has, err := topo.HaveTCSample(t.Context(), ns); err != nil || !has {
		t.Must(err)
		return false
	}
	v, p := topo.Veth(t, 1, t.NS(), t.NS())
	topo.AddClsact(t, v)
	cookie := []byte{0xc0, 0xff, 0xee}
	topo.AddTCSample(t, v, topo.Ingress, topo.TCSample{Rate: 1, Group: 1, Cookie: cookie})
	l := topo.NewListener(t, t.NS())
	topo.NewSender(t, p).Send(p.UDPTo(v, 60), 1)
	return slices.Equal(l.Expect(1)[0].Cookie, cookie)
}

func psampleActionSamples(t *selftests.T) bool {
	if !available(t, uapi.OVS_DATAPATH_FAMILY, "openvswitch") || !available(t, uapi.PSAMPLE_GENL_NAME, "psample") {
		return false
	}
	v, p := topo.Veth(t, 1, t.NS(), t.NS())
	dp := topo.NewDatapath(t, t.NS(), "probe")
	in := dp.AddDev(v)
	err := dp.TryFlow(topo.Flow{InPort: in, Actions: odp.Actions{odp.Psample{Group: 1, Cookie: []byte{1}}}})
	if errors.Is(err, unix.EINVAL) {
		return false
	}
	t.Must(err)
	l := topo.NewListener(t, t.NS())
	topo.NewSender(t, p).Send(p.UDPTo(v, 60), 1)
	return len(l.Take(1)) == 1
}
