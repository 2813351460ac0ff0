// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"errors"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Injector has a datapath run actions on many packets with one system call.
type Injector struct {
	d      *Datapath
	c      *netlink.Conn
	family uint16
}

// NewInjector opens an Injector that closes with the case.
func (d *Datapath) NewInjector() *Injector {
	f, err := nl.LookupFamily(d.ns, uapi.OVS_PACKET_FAMILY, "openvswitch")
	d.t.Must(err)
	c, err := nl.DialRaw(unix.NETLINK_GENERIC, d.ns)
	d.t.Must(err)
	d.t.Cleanup(func() { _ = c.Close() })
	return &Injector{d: d, c: c, family: f.ID}
}

// injectBytes bounds what one system call carries; a socket's send buffer
// holds about 200 kB.
const injectBytes = 64 << 10

// TryExecute is Datapath.Execute of many packets, in their order, with what
// the kernel refused some or all of them for as the result.
func (i *Injector) TryExecute(inPort uint32, frames [][]byte, actions odp.Actions) error {
	var refused []error
	var batch []netlink.Message
	size := 0
	for n, frame := range frames {
		attrs, err := executeAttrs(inPort, frame, actions)
		if err != nil {
			return err
		}
		data := append([]byte{uapi.OVS_PACKET_CMD_EXECUTE, uapi.OVS_PACKET_VERSION, 0, 0}, i.d.header()...)
		batch = append(batch, netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(i.family), Flags: netlink.Request},
			Data:   append(data, attrs...),
		})
		if size += len(attrs); size >= injectBytes || n == len(frames)-1 {
			refused = append(refused, i.send(batch)...)
			batch, size = nil, 0
		}
	}
	return errors.Join(refused...)
}

// send sends a batch and gives what was refused. A refusal is always answered,
// success only when asked for: the last answer tells the end.
func (i *Injector) send(batch []netlink.Message) (refused []error) {
	t := i.d.t
	batch[len(batch)-1].Header.Flags |= netlink.Acknowledge
	sent, err := i.c.SendMessages(batch)
	t.Must(err)
	last := sent[len(sent)-1].Header.Sequence
	t.Must(i.c.SetReadDeadline(time.Now().Add(patience)))
	for {
		msgs, err := i.c.Receive()
		if op, ok := errors.AsType[*netlink.OpError](err); ok && op.Sequence != 0 {
			refused = append(refused, op.Err)
			if op.Sequence == last {
				return refused
			}
			continue
		}
		if err != nil {
			t.Fatalf("inject packets into datapath %s: %v", i.d.dp.Name, err)
		}
		for _, m := range msgs {
			if m.Header.Type == netlink.Error && m.Header.Sequence == last {
				return refused
			}
			t.Fatalf("inject packets into datapath %s: answer of type %d to request %d", i.d.dp.Name, m.Header.Type, m.Header.Sequence)
		}
	}
}
