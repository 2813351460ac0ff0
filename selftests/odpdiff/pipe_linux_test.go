// SPDX-License-Identifier: Apache-2.0

package odpdiff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// wire is a flow in netlink: payloads of OVS_FLOW_ATTR_KEY, _MASK and _ACTIONS.
// A nil mask is none.
type wire struct{ key, mask, actions []byte }

// pipeKernel stands for the kernel at the other end of testdata/genlpipe.c. It
// has one datapath without ports, takes every flow and gives those it was told
// to. What is in them it does not look at.
type pipeKernel struct {
	l *net.UnixListener

	mu    sync.Mutex
	give  []wire          // for dumps
	taken map[uint32]wire // by the first word of the flow's id
	bad   []error         // requests it does not know
}

const (
	pipeDatapath = "pipe"
	pipeIfindex  = 7
)

// Families by their numbers, from 0x20 on.
var families = []string{
	uapi.OVS_DATAPATH_FAMILY, uapi.OVS_VPORT_FAMILY, uapi.OVS_FLOW_FAMILY, uapi.OVS_PACKET_FAMILY,
}

const firstFamily = 0x20

func newPipeKernel(t testing.TB) *pipeKernel {
	t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: t.TempDir() + "/kernel", Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	k := &pipeKernel{l: l}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return // closed
			}
			serving.Go(func() { k.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
		for _, err := range k.bad {
			t.Error(err)
		}
	})
	return k
}

// socket is what GENLPIPE has to name.
func (k *pipeKernel) socket() string { return k.l.Addr().String() }

// load sets what the next dump gives, and forgets what was taken.
func (k *pipeKernel) load(give []wire) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.give, k.taken = give, map[uint32]wire{}
}

func (k *pipeKernel) serve(c *net.UnixConn) {
	defer c.Close()
	buf := make([]byte, 1<<18)
	for {
		n, err := c.Read(buf)
		if err != nil || n == 0 {
			return
		}
		for b := buf[:n]; len(b) >= unix.SizeofNlMsghdr; {
			size := int(binary.NativeEndian.Uint32(b))
			if size < unix.SizeofNlMsghdr+unix.GENL_HDRLEN || size > len(b) {
				k.trouble(fmt.Errorf("request of %d bytes in %d", size, len(b)))
				return
			}
			for _, d := range k.answer(b[:size]) {
				if _, err := c.Write(d); err != nil {
					return // the tool has gone
				}
			}
			b = b[min(len(b), (size+3)&^3):]
		}
	}
}

func (k *pipeKernel) trouble(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bad = append(k.bad, err)
}

// answer gives the datagrams that answer a request.
func (k *pipeKernel) answer(req []byte) [][]byte {
	typ, flags := binary.NativeEndian.Uint16(req[4:]), binary.NativeEndian.Uint16(req[6:])
	replies, err := k.handle(typ, flags, req[unix.SizeofNlMsghdr], req[unix.SizeofNlMsghdr+unix.GENL_HDRLEN:])
	message := func(typ, flags uint16, payload ...[]byte) []byte {
		b := make([]byte, unix.SizeofNlMsghdr)
		for _, p := range payload {
			b = append(b, p...)
		}
		binary.NativeEndian.PutUint32(b, uint32(len(b)))
		binary.NativeEndian.PutUint16(b[4:], typ)
		binary.NativeEndian.PutUint16(b[6:], flags)
		copy(b[8:16], req[8:16])
		return b
	}
	status := func(no uint32) []byte { return binary.NativeEndian.AppendUint32(nil, no) }
	dump := flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP
	var datagrams [][]byte
	if err == nil {
		var at []byte
		for _, r := range replies {
			var multi uint16
			if dump {
				multi = unix.NLM_F_MULTI
			}
			m := message(typ, multi, []byte{req[unix.SizeofNlMsghdr], 1, 0, 0}, r)
			for len(m)%4 != 0 {
				m = append(m, 0)
			}
			if len(at) > 0 && len(at)+len(m) > 32<<10 || !dump && at != nil {
				datagrams, at = append(datagrams, at), nil
			}
			at = append(at, m...)
		}
		if at != nil {
			datagrams = append(datagrams, at)
		}
	}
	switch no := syscall.Errno(0); {
	case errors.As(err, &no):
		datagrams = append(datagrams, message(unix.NLMSG_ERROR, 0, status(uint32(-int32(no))), req))
	case dump:
		datagrams = append(datagrams, message(unix.NLMSG_DONE, unix.NLM_F_MULTI, status(0)))
	default:
		// Also where no acknowledgement was asked for: to the tool it is
		// success when nothing comes, and here it waits.
		datagrams = append(datagrams, message(unix.NLMSG_ERROR, 0, status(0), req[:unix.SizeofNlMsghdr]))
	}
	return datagrams
}

// handle gives what follows the genl header of each answer, or an errno.
func (k *pipeKernel) handle(family, flags uint16, command uint8, b []byte) ([][]byte, error) {
	if family == unix.GENL_ID_CTRL && command == unix.CTRL_CMD_GETFAMILY {
		return familyByName(b)
	}
	if len(b) < 4 || family < firstFamily || int(family-firstFamily) >= len(families) {
		return nil, unix.EOPNOTSUPP
	}
	attrs := b[4:]
	ifindex := binary.NativeEndian.AppendUint32(nil, pipeIfindex)
	switch name := families[family-firstFamily]; {
	case name == uapi.OVS_DATAPATH_FAMILY && (command == uapi.OVS_DP_CMD_GET || command == uapi.OVS_DP_CMD_SET):
		features := uint32(uapi.OVS_DP_F_DISPATCH_UPCALL_PER_CPU)
		if f, ok := find(attrs, uapi.OVS_DP_ATTR_USER_FEATURES).Uint32(); ok && f&^0xf != 0 {
			return nil, unix.EOPNOTSUPP
		}
		b := nl.AppendString(ifindex, uapi.OVS_DP_ATTR_NAME, pipeDatapath)
		return [][]byte{nl.AppendUint32(b, uapi.OVS_DP_ATTR_USER_FEATURES, features)}, nil
	case name == uapi.OVS_VPORT_FAMILY && command == uapi.OVS_VPORT_CMD_GET:
		if flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP {
			return nil, nil
		}
		return nil, unix.ENODEV
	case name == uapi.OVS_FLOW_FAMILY && command == uapi.OVS_FLOW_CMD_NEW:
		return nil, k.take(attrs)
	case name == uapi.OVS_FLOW_FAMILY && command == uapi.OVS_FLOW_CMD_GET && flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP:
		return k.dump(), nil
	default:
		k.trouble(fmt.Errorf("request to %s: command %d, flags %#x", name, command, flags))
		return nil, unix.EOPNOTSUPP
	}
}

func familyByName(b []byte) ([][]byte, error) {
	name := find(b, unix.CTRL_ATTR_FAMILY_NAME).String()
	for i, f := range families {
		if f != name {
			continue
		}
		r := nl.AppendUint16(nil, unix.CTRL_ATTR_FAMILY_ID, uint16(firstFamily+i))
		r = nl.AppendString(r, unix.CTRL_ATTR_FAMILY_NAME, name)
		group := nl.AppendUint32(nil, unix.CTRL_ATTR_MCAST_GRP_ID, uint32(firstFamily+i))
		group = nl.AppendString(group, unix.CTRL_ATTR_MCAST_GRP_NAME, name)
		r = nl.AppendAttr(r, unix.CTRL_ATTR_MCAST_GROUPS|nl.NestedFlag, nl.AppendAttr(nil, 1|nl.NestedFlag, group))
		return [][]byte{r}, nil
	}
	return nil, unix.ENOENT
}

// take notes a flow that is added, and keeps its masks apart from none.
func (k *pipeKernel) take(attrs []byte) error {
	id := find(attrs, uapi.OVS_FLOW_ATTR_UFID).Data
	if len(id) != 16 {
		k.trouble(fmt.Errorf("a flow without id: %x", attrs))
		return unix.EINVAL
	}
	var w wire
	for at, err := range nl.Attrs(attrs) {
		if err != nil {
			k.trouble(fmt.Errorf("a flow's attributes %x: %w", attrs, err))
			return unix.EINVAL
		}
		data := append([]byte{}, at.Data...)
		switch at.Type {
		case uapi.OVS_FLOW_ATTR_KEY:
			w.key = data
		case uapi.OVS_FLOW_ATTR_MASK:
			w.mask = data
		case uapi.OVS_FLOW_ATTR_ACTIONS:
			w.actions = data
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.taken[binary.NativeEndian.Uint32(id)] = w
	return nil
}

func (k *pipeKernel) dump() [][]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list [][]byte
	for _, w := range k.give {
		b := binary.NativeEndian.AppendUint32(nil, pipeIfindex)
		b = nl.AppendAttr(b, uapi.OVS_FLOW_ATTR_KEY|nl.NestedFlag, w.key)
		if w.mask != nil {
			b = nl.AppendAttr(b, uapi.OVS_FLOW_ATTR_MASK|nl.NestedFlag, w.mask)
		}
		list = append(list, nl.AppendAttr(b, uapi.OVS_FLOW_ATTR_ACTIONS|nl.NestedFlag, w.actions))
	}
	return list
}
