// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
)

// datapathItem is a datapath in JSON, with its ports.
type datapathItem struct {
	ovs.Datapath
	Ports []ovs.Vport `json:"ports"`
}

func showCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:     "show [DP...]",
		Short:   "show datapaths with counters and ports",
		Example: "  ovs-dpctl show\n  ovs-dpctl show dp0 -s\n  ovs-dpctl show -j | jq '.items[].ports[].name'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(o, func(s session) error {
				items, err := s.showItems(cmd.Context(), args)
				if err != nil {
					return err
				}
				if flags.JSON() {
					return cli.PrintList(cmd.OutOrStdout(), datapathsSchema, items, flags.Pretty())
				}
				var links map[int]*linkStats
				if o.stats {
					if links, err = readLinkStats(cmd.Context(), s.ns); err != nil {
						return err
					}
				}
				for _, it := range items {
					it.print(cmd.OutOrStdout(), o.stats, links)
				}
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

func (s session) showItems(ctx context.Context, args []string) ([]datapathItem, error) {
	var dps []ovs.Datapath
	if len(args) == 0 {
		var err error
		if dps, err = s.Datapaths(ctx); err != nil {
			return nil, err
		}
	}
	for i := range args {
		dp, err := s.datapath(ctx, args[i:i+1])
		if err != nil {
			return nil, err
		}
		dps = append(dps, dp)
	}
	items := make([]datapathItem, 0, len(dps))
	for _, dp := range dps {
		ports, err := s.Vports(ctx, dp)
		if err != nil {
			return nil, err
		}
		items = append(items, datapathItem{dp, ports})
	}
	return items, nil
}

// print writes a datapath as ovs-dpctl always has.
func (d datapathItem) print(w io.Writer, stats bool, links map[int]*linkStats) {
	fmt.Fprintf(w, "system@%s:\n", d.Name)
	st := d.Stats
	fmt.Fprintf(w, "  lookups: hit:%d missed:%d lost:%d\n  flows: %d\n", st.Hit, st.Missed, st.Lost, st.Flows)
	if m := d.MegaflowStats; m != nil {
		packets := st.Hit + st.Missed
		fmt.Fprintf(w, "  masks: hit:%d total:%d hit/pkt:%.2f\n", m.MaskHit, m.Masks, ratio(m.MaskHit, packets))
		if m.CacheHit > 0 { // a kernel that does not count says 0
			fmt.Fprintf(w, "  cache: hit:%d hit-rate:%.2f%%\n", m.CacheHit, 100*ratio(m.CacheHit, packets))
		}
	}
	printCaches(w, d.Datapath)
	for _, p := range d.Ports {
		var l *linkStats
		if p.NetNSID == nil { // in another namespace its index is another's here
			l = links[p.Ifindex]
		}
		printPort(w, p, stats, l)
	}
}

func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// printPort writes a port. Counters nobody keeps are "?".
func printPort(w io.Writer, p ovs.Vport, stats bool, l *linkStats) {
	fmt.Fprintf(w, "  port %d: %s", p.PortNo, p.Name)
	if kind := portKind(p); kind != "" {
		fmt.Fprintf(w, " (%s)", kind)
	}
	fmt.Fprintln(w)
	if !stats {
		return
	}
	s := p.Stats
	fmt.Fprintf(w, "    RX packets:%d errors:%d dropped:%d overruns:%s frame:%s\n", s.RxPackets, s.RxErrors, s.RxDropped, l.text(rxOver), l.text(rxFrame))
	fmt.Fprintf(w, "    TX packets:%d errors:%d dropped:%d aborted:%s carrier:%s\n", s.TxPackets, s.TxErrors, s.TxDropped, l.text(txAborted), l.text(txCarrier))
	fmt.Fprintf(w, "    collisions:%s\n", l.text(collisions))
	fmt.Fprintf(w, "    RX bytes:%d%s  TX bytes:%d%s\n", s.RxBytes, humanSize(s.RxBytes), s.TxBytes, humanSize(s.TxBytes))
	if u := p.UpcallStats; u != nil {
		fmt.Fprintf(w, "    UPCALL packets:%d errors:%d\n", u.Success, u.Fail)
	} else {
		fmt.Fprintf(w, "    UPCALL packets:? errors:?\n")
	}
}

func humanSize(n uint64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return ""
	}
	v, unit := float64(n)/1024, units[0]
	for _, u := range units[1:] {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	return fmt.Sprintf(" (%.1f %s)", v, unit)
}
