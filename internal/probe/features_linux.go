// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// featureDatapath is the name of the probes' datapath, in a namespace of its own.
const featureDatapath = "dpscope-probe"

// bed is where features are tried.
type bed struct {
	c  *ovs.Client
	dp ovs.Datapath
}

// features are tried one after the other. Numbers of releases are given for
// what is younger than the oldest kernel dpscope is tested on.
var features = []struct {
	name, what, since string
	try               func(context.Context, *bed) (bool, error)
}{
	{"psample", "action psample: samples, with a cookie", ovs.PsampleSince, actions("psample(group=1,cookie=0x01)")},
	{"sample_cookie", "tc's sample action hands its cookie on", ovs.PsampleSince, func(ctx context.Context, _ *bed) (bool, error) {
		has, err := SampleCookie(ctx)
		if errors.Is(err, nl.ErrUnsupported) {
			return false, nil
		}
		return has, err
	}},
	{"drop", "action drop, with a reason", "Linux 6.6", actions("drop(1)")},
	{"trunc", "action trunc: cut packets", "", actions("trunc(100),0")},
	{"clone", "action clone", "", actions("clone(drop)")},
	{"check_pkt_len", "action check_pkt_len", "", actions("check_pkt_len(size=100,gt(drop),le(drop))")},
	{"dec_ttl", "action dec_ttl", "", actions("dec_ttl(le_1(drop))")},
	{"add_mpls", "action add_mpls", "", actions("add_mpls(label=1,tc=0,ttl=64,bos=1,eth_type=0x8847)")},
	{"hash_sym_l4", "symmetric hashing", "Linux 6.5", actions("hash(sym_l4(0))")},
	{"ct", "connection tracking", "", actions("ct(commit)")},
	{"ct_zones", "connection tracking in zones", "", actions("ct(commit,zone=1)")},
	{"ct_nat", "address translation", "", actions("ct(commit,nat)")},
	{"ct_limits", "limits of connections by zone", "", func(ctx context.Context, b *bed) (bool, error) {
		_, err := b.c.ZoneLimits(ctx)
		return taken(err)
	}},
	{"meters", "meters", "", func(ctx context.Context, b *bed) (bool, error) {
		f, err := b.c.MeterFeatures(ctx, b.dp)
		has, err := taken(err)
		return has && f.MaxMeters > 0, err
	}},
	{"masks_cache", "size of the mask cache", "", func(_ context.Context, b *bed) (bool, error) {
		return b.dp.MasksCacheSize != nil, nil
	}},
	{"dispatch_per_cpu", "upcalls by CPU", "Linux 5.15", datapathFeature(uapi.OVS_DP_F_DISPATCH_UPCALL_PER_CPU)},
	{"tc_recirc_sharing", "recirculation shared with tc", "a kernel with CONFIG_NET_TC_SKB_EXT", datapathFeature(uapi.OVS_DP_F_TC_RECIRC_SHARING)},
	{"upcall_stats", "counters of a port's upcalls", "Linux 6.2", func(ctx context.Context, b *bed) (bool, error) {
		v, err := b.c.Vport(ctx, b.dp, b.dp.Name)
		return v.UpcallStats != nil, err
	}},
}

// Features tries all features in a network namespace of its own. A kernel
// without openvswitch gives an error that matches nl.ErrUnsupported.
func Features(ctx context.Context) ([]Feature, error) {
	ns, err := nl.NewNetNS()
	if err != nil {
		return nil, err
	}
	defer func() { _ = ns.Close() }()
	c, err := ovs.Open(ns)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	// The datapath goes with the namespace, but some time later.
	dp, err := c.AddDatapath(ctx, ovs.DatapathConfig{Name: featureDatapath})
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.DelDatapath(context.WithoutCancel(ctx), dp.Name) }()
	b := &bed{c, dp}
	// A flow nobody refuses: if that fails, failures say nothing.
	if has, err := actions("drop")(ctx, b); err != nil || !has {
		return nil, fmt.Errorf("probe for features: a flow without actions is refused: %w", err)
	}
	out := make([]Feature, 0, len(features))
	for _, f := range features {
		if ctx.Err() != nil {
			return nil, nl.ContextError(ctx)
		}
		has, err := f.try(ctx, b)
		out = append(out, Feature{Name: f.name, What: f.what, Since: f.since, Has: has && err == nil, Err: err})
	}
	return out, nil
}

// actions tries a flow with actions.
func actions(text string) func(context.Context, *bed) (bool, error) {
	return func(ctx context.Context, b *bed) (bool, error) {
		_, match, err := odp.ParseFlow("in_port(0),eth(),eth_type(0x0800),ipv4()", nil)
		if err != nil {
			return false, err
		}
		list, err := odp.ParseActions(text, nil)
		if err != nil {
			return false, err
		}
		return taken(b.c.PutFlow(ctx, b.dp, ovs.FlowSpec{Match: match, Actions: list, Probe: true}))
	}
}

// datapathFeature tries to switch a user feature on.
func datapathFeature(bit uint32) func(context.Context, *bed) (bool, error) {
	return func(ctx context.Context, b *bed) (bool, error) {
		dp, err := b.c.SetDatapath(ctx, b.dp, ovs.DatapathChange{UserFeatures: new(bit), PerCPUPIDs: []uint32{1}})
		has, err := taken(err)
		return has && dp.UserFeatures&bit != 0, err
	}
}

// enotsupp is what parts of the kernel say although it is not for user space,
// linux/errno.h.
const enotsupp = syscall.Errno(524)

// taken tells a refusal, which is an answer, from a failure, which is none.
func taken(err error) (bool, error) {
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, enotsupp),
		errors.Is(err, syscall.EPFNOSUPPORT), errors.Is(err, nl.ErrUnsupported):
		return false, nil
	}
	return false, err
}
