// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// eventVersion is the "v" of monitor's records, see
// docs/schema/ovs-events.schema.json.
const eventVersion = 1

// eventRecord is an event in JSON.
type eventRecord struct {
	Type     string     `json:"type"` // event, lost
	V        int        `json:"v"`
	Time     time.Time  `json:"time"`
	Event    string     `json:"event,omitempty"` // new, changed, deleted
	Object   string     `json:"object,omitempty"`
	DPIndex  int        `json:"dp_ifindex,omitempty"`
	DP       string     `json:"dp,omitempty"`
	Datapath any        `json:"datapath,omitempty"`
	Vport    *ovs.Vport `json:"vport,omitempty"`
	Flow     *flowItem  `json:"flow,omitempty"`
}

func monitorCommand(o *options) *cobra.Command {
	var (
		flags  streamFlags
		groups ovs.EventGroups
	)
	cmd := &cobra.Command{
		Use:   "monitor",
		Short: "print changes of datapaths, ports and flows as they happen",
		Long: `monitor prints when datapaths and ports come, change and go, whoever makes the
change, and with --flows flows, too. A device that is a port and goes away takes
its port with it. The kernel announces no flows that go with del-flows, with
their port or with their datapath.

Once it listens it says so on standard error in a line with "ready"; what happens
from then on is printed. If events were lost because they came too fast, that is
said where it was noticed. Without -c or -d it runs until it is interrupted.`,
		Example: "  ovs-dpctl monitor -j | jq -c 'select(.object == \"vport\")'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			groups.Datapaths, groups.Vports = true, true
			return withClient(o, func(s session) error {
				m, err := ovs.OpenMonitor(s.ns, groups)
				if err != nil {
					return err
				}
				defer func() { _ = m.Close() }()
				names, err := s.datapathNames(cmd.Context())
				if err != nil {
					return err
				}
				what := "datapaths and ports"
				if groups.Flows {
					what = "datapaths, ports and flows"
				}
				cli.Warnf(cmd, "ready: listening to changes of %s", what)
				return flags.run(cmd, func(ctx context.Context) ([]byte, bool, error) {
					return nextEvent(ctx, m, names, flags.json, s)
				})
			})
		},
	}
	flags.add(cmd, "events")
	cmd.Flags().BoolVar(&groups.Flows, "flows", false, "print changes of flows, too")
	return cmd
}

// datapathNames are the names of the datapaths there are, by interface index.
func (s session) datapathNames(ctx context.Context) (map[int]string, error) {
	dps, err := s.Datapaths(ctx)
	names := map[int]string{}
	for _, dp := range dps {
		names[dp.Ifindex] = dp.Name
	}
	return names, err
}

func nextEvent(ctx context.Context, m *ovs.Monitor, names map[int]string, asJSON bool, s session) ([]byte, bool, error) {
	e, err := m.Receive(ctx)
	now := time.Now()
	lost := errors.Is(err, ovs.ErrEventsLost)
	if err != nil && !lost {
		return nil, false, err
	}
	if asJSON {
		if lost {
			line, err := jsonLine(eventRecord{Type: "lost", V: eventVersion, Time: now})
			return line, false, err
		}
		line, err := jsonLine(newEventRecord(e, names, now))
		return line, true, err
	}
	b := now.AppendFormat(nil, clock)
	if lost {
		return append(b, " events lost: they came faster than they were read"...), false, nil
	}
	return append(b, eventText(e, names, s.o)...), true, nil
}

// learn keeps the names of datapaths up to date and gives the one an event is
// about. One that is deleted is still known by its name.
func learn(e ovs.Event, names map[int]string) (ifindex int, name string) {
	switch {
	case e.Datapath != nil:
		ifindex = e.Datapath.Ifindex
		names[ifindex] = e.Datapath.Name
		if e.Kind == ovs.EventDeleted {
			defer delete(names, ifindex)
		}
	case e.Vport != nil:
		ifindex = e.Vport.DatapathIfindex
		if e.Vport.PortNo == 0 && names[ifindex] == "" {
			names[ifindex] = e.Vport.Name // the local port has the datapath's name
		}
	case e.Flow != nil:
		ifindex = e.Flow.DatapathIfindex
	}
	return ifindex, names[ifindex]
}

func newEventRecord(e ovs.Event, names map[int]string, now time.Time) eventRecord {
	r := eventRecord{Type: "event", V: eventVersion, Time: now, Event: e.Kind.String()}
	r.DPIndex, r.DP = learn(e, names)
	switch {
	case e.Datapath != nil:
		r.Object, r.Datapath = "datapath", e.Datapath
	case e.Vport != nil:
		r.Object, r.Vport = "vport", e.Vport
	default:
		r.Object = "flow"
		ms, _ := monotonicMS()
		r.Flow = new(newFlowItem(*e.Flow, ms))
	}
	return r
}

func eventText(e ovs.Event, names map[int]string, o *options) string {
	ifindex, name := learn(e, names)
	if name == "" {
		name = fmt.Sprintf("(ifindex %d)", ifindex)
	}
	var b strings.Builder
	fmt.Fprintf(&b, " %s ", e.Kind)
	switch {
	case e.Datapath != nil:
		fmt.Fprintf(&b, "datapath system@%s", name)
	case e.Vport != nil:
		fmt.Fprintf(&b, "port %d of system@%s: %s", e.Vport.PortNo, name, e.Vport.Name)
		if e.Vport.Type != ovs.VportNetdev {
			fmt.Fprintf(&b, " (%s)", e.Vport.Type)
		}
	default:
		ms, _ := monotonicMS()
		fmt.Fprintf(&b, "flow of system@%s: ", name)
		b.Write(appendFlow(nil, *e.Flow, odp.TextOptions{Verbose: o.more, Lossless: o.more && o.numbers}, ms))
	}
	return b.String()
}
