// SPDX-License-Identifier: Apache-2.0

package ovs_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// List datapaths and their ports.
func Example() {
	ctx := context.Background()
	c, err := ovs.Open(ovs.NetNSForExamples()) // in a program nil, its own namespace, or that of nl.OpenNetNS
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	dps, err := c.Datapaths(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, dp := range dps {
		fmt.Printf("%s: %d flows\n", dp.Name, dp.Stats.Flows)
		ports, err := c.Vports(ctx, dp)
		if err != nil {
			log.Fatal(err)
		}
		for _, p := range ports {
			fmt.Printf("  port %d: %s (%s)\n", p.PortNo, p.Name, p.Type)
		}
	}
	// Output:
	// dp0: 3 flows
	//   port 0: dp0 (internal)
	//   port 7: i0 (internal)
}

// Errors have types; their text says what to do.
func ExampleClient_Datapath() {
	c, err := ovs.Open(ovs.NetNSForExamples())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	_, err = c.Datapath(context.Background(), "nope")
	fmt.Println(errors.Is(err, ovs.ErrNoDatapath))
	fmt.Println(err)
	// Output:
	// true
	// find datapath nope: no such device (no datapath has this name)
}

// Walk a flow table of any size in bounded memory.
func ExampleClient_Flows() {
	ctx := context.Background()
	c, err := ovs.Open(ovs.NetNSForExamples())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	dp, err := c.Datapath(ctx, "dp0")
	if err != nil {
		log.Fatal(err)
	}
	for f, err := range c.Flows(ctx, dp, ovs.FlowDump{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, actions:%s\n", f.Match, f.Actions) // f.Clone() to keep it
	}
	// Unordered output:
	// in_port(0),eth(),eth_type(0x0806),arp(op=1), actions:trunc(14),7
	// in_port(7),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17),udp(dst=53), actions:sample(sample=50.0%,actions(7)),0
	// in_port(7),eth(),eth_type(0x86dd),ipv6(proto=58),icmpv6(type=128), actions:drop
}

// Add a flow that samples every second packet.
func ExampleClient_AddFlow() {
	ctx := context.Background()
	c, err := ovs.Open(nil)
	if err != nil {
		log.Fatal(err) // errors.Is(err, ovs.ErrUnsupported): the module is not there
	}
	defer c.Close()
	dp, err := c.AddDatapath(ctx, ovs.DatapathConfig{Name: "dp0"})
	if err != nil {
		log.Fatal(err)
	}
	_, match, err := odp.ParseFlow("in_port(0),eth(),eth_type(0x0800),ipv4()", nil)
	if err != nil {
		log.Fatal(err)
	}
	err = c.AddFlow(ctx, dp, ovs.FlowSpec{Match: match, Actions: odp.Actions{
		odp.Sample{Probability: 1 << 31, Actions: odp.Actions{odp.Psample{Group: 7}}},
		odp.Output{Port: 1},
	}})
	if errors.Is(err, ovs.ErrExists) {
		log.Print("somebody was faster")
	}
}

// Follow what others change, with losses in their place.
func ExampleMonitor_Events() {
	m, err := ovs.OpenMonitor(nil, ovs.EventGroups{Datapaths: true, Vports: true})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for e, err := range m.Events(context.Background()) {
		switch {
		case errors.Is(err, ovs.ErrEventsLost):
			fmt.Println("list everything again")
		case err != nil:
			log.Print(err)
		case e.Vport != nil:
			fmt.Println("port", e.Vport.Name, e.Kind)
		}
	}
}

// Change a datapath's mask cache; the user features stay.
func ExampleClient_SetDatapath() {
	ctx := context.Background()
	c, err := ovs.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	dp, err := c.Datapath(ctx, "dp0")
	if err != nil {
		log.Fatal(err)
	}
	size := uint32(1024)
	if dp, err = c.SetDatapath(ctx, dp, ovs.DatapathChange{MasksCacheSize: &size}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(dp.UserFeatures&uapi.OVS_DP_F_VPORT_PIDS != 0)
}
