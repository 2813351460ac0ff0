// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/odptest"
)

// checkList prints a list as the tool does and checks it against its schema.
func checkList[T any](t *testing.T, schema string, items []T) string {
	t.Helper()
	name, _, _ := strings.Cut(schema, "/")
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := cli.PrintList(&b, schema, items, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(b.Bytes()); err != nil {
		t.Errorf("%v in %s", err, &b)
	}
	return b.String()
}

func TestFlowsFollowTheSchema(t *testing.T) {
	var items []flowItem
	seen := odptest.Coverage{}
	for _, o := range []odptest.Options{{}, {Odd: true}} {
		g := odptest.New(1, o)
		for i := range 400 {
			it := flowItem{Match: g.Match(), Actions: g.Actions()}
			if err := errors.Join(seen.Match(it.Match), seen.Actions(it.Actions)); err != nil {
				t.Fatal(err)
			}
			switch i % 3 {
			case 0:
				it.UFID = odp.UFID(make([]byte, 16))
				it.UsedAgo, it.TCPFlags, it.Packets = new(uint64(0)), 0xff, 1<<63
			case 1:
				it.UFID = odp.UFID{10, 11}
				it.Unknown = []ovs.Attr{{Type: 16383, Data: []byte{0}}, {Type: 1}}
			}
			items = append(items, it)
		}
	}
	checkList(t, flowsSchema, items)
	checkList(t, flowsSchema, []flowItem(nil))
	if missing := seen.Missing(odptest.Names(), 1); len(missing) > 0 {
		t.Errorf("not tried: %v", missing)
	}
}

func TestDatapathsFollowTheSchema(t *testing.T) {
	bare := ovs.Datapath{Name: "dp0", Ifindex: 1}
	full := bare
	full.UserFeatures, full.MasksCacheSize, full.MegaflowStats = 1<<32-1, new(uint32(0)), &ovs.MegaflowStats{}
	full.Unknown = []ovs.Attr{{Type: 9, Data: []byte{1, 2}}}
	checkList(t, datapathsSchema, []ovs.Datapath{bare, full})
	var ports []ovs.Vport
	for _, typ := range []ovs.VportType{ovs.VportNetdev, ovs.VportInternal, ovs.VportGRE, ovs.VportVXLAN, ovs.VportGeneve, 77} {
		ports = append(ports, ovs.Vport{Name: "p", Type: typ, UpcallPIDs: []uint32{0}})
	}
	last := &ports[len(ports)-1]
	last.NetNSID, last.UpcallStats, last.Options, last.Unknown = new(int32(-1)), &ovs.UpcallStats{}, []byte{0xab}, full.Unknown
	last.Stats.RxBytes = 1<<64 - 1
	out := checkList(t, datapathsSchema, []datapathItem{{bare, []ovs.Vport{}}, {full, ports}})
	if !strings.Contains(out, `"type":"type 77"`) {
		t.Errorf("a port type without a name is lost in %s", out)
	}
	// What a kernel sends without any attribute.
	v, err := ovs.DecodeVport(make([]byte, 4))
	if err != nil {
		t.Fatal(err)
	}
	v.Type = uapi.OVS_VPORT_TYPE_NETDEV
	checkList(t, datapathsSchema, []datapathItem{{bare, []ovs.Vport{v}}})
}
