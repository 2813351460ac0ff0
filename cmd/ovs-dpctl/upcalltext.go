// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/internal/pktsum"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// upcallVersion is the "v" of the records of upcalls, see
// docs/schema/ovs-upcalls.schema.json.
const upcallVersion = 1

// upcallRecord is an upcall in JSON.
type upcallRecord struct {
	Type            string       `json:"type"` // upcall, lost
	V               int          `json:"v"`
	Time            time.Time    `json:"time"`
	DP              string       `json:"dp"`
	Command         string       `json:"command,omitempty"`
	Key             *odp.Match   `json:"key,omitempty"`
	Userdata        hexstr.Bytes `json:"userdata,omitempty"`
	Actions         odp.Actions  `json:"actions,omitempty"`
	EgressTunnelKey hexstr.Bytes `json:"egress_tun_key,omitempty"`
	Len             uint32       `json:"len,omitempty"` // absent: not cut
	MRU             uint16       `json:"mru,omitempty"`
	Hash            hexstr.Bytes `json:"hash,omitempty"`
	Summary         string       `json:"summary,omitempty"`
	Data            hexstr.Bytes `json:"data,omitempty"`
	Unknown         []ovs.Attr   `json:"unknown,omitempty"`
}

// upcallPrinter makes lines of upcalls.
type upcallPrinter struct {
	dp     string
	o      *options
	names  odp.PortNames
	json   bool
	parser *pktsum.Parser
}

func (p *upcallPrinter) lost(now time.Time) ([]byte, error) {
	if p.json {
		return jsonLine(upcallRecord{Type: "lost", V: upcallVersion, Time: now, DP: p.dp})
	}
	return append(now.AppendFormat(nil, clock), " packets lost: they came faster than they were read"...), nil
}

func (p *upcallPrinter) line(u ovs.Upcall, now time.Time) ([]byte, error) {
	if p.parser == nil {
		p.parser = pktsum.New()
	}
	p.parser.Parse(0, u.Packet)
	summary := p.parser.AppendText(nil)
	if p.json {
		r := upcallRecord{
			Type: "upcall", V: upcallVersion, Time: now, DP: p.dp, Command: u.Command.String(),
			Key: &u.Key, Userdata: u.Userdata, Actions: u.Actions, EgressTunnelKey: u.EgressTunnelKey,
			Len: u.Len, MRU: u.MRU, Summary: string(summary), Data: u.Packet, Unknown: u.Unknown,
		}
		if u.Hash != 0 {
			r.Hash = binary.BigEndian.AppendUint64(nil, u.Hash)
		}
		return jsonLine(r)
	}
	o := odp.TextOptions{Verbose: p.o.more, Lossless: p.o.more && p.o.numbers}
	if p.o.names || p.o.more && !p.o.numbers {
		o.Names = p.names
	}
	b := now.AppendFormat(nil, clock)
	b = fmt.Appendf(b, " %s ", u.Command)
	b = u.Key.AppendText(b, o)
	if u.Userdata != nil {
		b = fmt.Appendf(b, " userdata:%x", u.Userdata)
	}
	if u.Len != 0 {
		b = fmt.Appendf(b, " len:%d", u.Len)
	}
	b = fmt.Appendf(b, ", packet:%d bytes: %s", len(u.Packet), summary)
	return b, nil
}
