// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

const (
	ifinfomsgLen = 16 // struct ifinfomsg, linux/rtnetlink.h
	rtmDelLink   = 17 // RTM_DELLINK
	rtnlgrpLink  = 1  // RTNLGRP_LINK

	// maxGone is how many names of removed interfaces are kept: samples of
	// their last packets may still be queued.
	maxGone = 1024
	// missTTL is how long the kernel's "no such interface" is believed.
	missTTL = time.Second
	maxMiss = 1024
)

// IfNames names interfaces by number, following renames, removals and new
// interfaces as they happen. It is safe for concurrent use.
type IfNames struct {
	conn *nl.Conn      // questions
	sub  *netlink.Conn // changes

	mu    sync.RWMutex
	names map[uint32]string
	gone  []uint32             // removed interfaces whose name is kept, oldest first
	miss  map[uint32]time.Time // asked for and not there
	wide  int                  // interfaces that exist above 65535
}

// OpenIfNames reads the interfaces of a network namespace (nil: the current
// one), which must stay open as long as the IfNames is.
func OpenIfNames(ns *nl.NetNS) (*IfNames, error) {
	n := &IfNames{names: map[uint32]string{}, miss: map[uint32]time.Time{}}
	var err error
	if n.conn, err = nl.Dial(syscall.NETLINK_ROUTE, ns); err != nil {
		return nil, err
	}
	// Subscribe before reading, so that no change falls in between.
	if n.sub, err = nl.DialRaw(syscall.NETLINK_ROUTE, ns); err == nil {
		if jerr := n.sub.JoinGroup(rtnlgrpLink); jerr != nil {
			err = listenError("join multicast group RTNLGRP_LINK", jerr)
		} else {
			err = n.load()
		}
	}
	if err != nil {
		_ = n.Close()
		return nil, err
	}
	go n.follow()
	return n, nil
}

// Close ends the following of changes. Names known so far stay.
func (n *IfNames) Close() error {
	err := n.conn.Close()
	if n.sub != nil {
		err = errors.Join(err, n.sub.Close())
	}
	return err
}

// Name is the name of an interface, or the last one it had if it was removed.
// narrow tells that index are only the lower 16 bits of its number: then there
// is no name when several interfaces have those.
func (n *IfNames) Name(index uint32, narrow bool) (string, bool) {
	n.mu.RLock()
	name, ok := n.names[index]
	ambiguous := narrow && n.wide > 0
	n.mu.RUnlock()
	switch {
	case ambiguous:
		return n.narrowName(index)
	case ok:
		return name, true
	}
	return n.ask(index)
}

// narrowName looks for the one interface whose number ends in index.
func (n *IfNames) narrowName(index uint32) (string, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	found, count := "", 0
	for i, name := range n.names {
		if i&math.MaxUint16 == index && !slices.Contains(n.gone, i) {
			found = name
			count++
		}
	}
	if count != 1 {
		return "", false
	}
	return found, true
}

// ask asks the kernel for an interface that is so new that its announcement
// has not been read yet.
func (n *IfNames) ask(index uint32) (string, bool) {
	now := time.Now()
	n.mu.RLock()
	at, missed := n.miss[index]
	n.mu.RUnlock()
	if missed && now.Sub(at) < missTTL {
		return "", false
	}
	data := make([]byte, ifinfomsgLen)
	binary.NativeEndian.PutUint32(data[4:], index)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	msgs, err := n.conn.Execute(ctx, nl.Request{Op: "look up interface", Type: uapi.RTM_GETLINK, Data: data})
	if err == nil {
		for _, m := range msgs {
			n.apply(m)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.names[index]
	if !ok {
		if len(n.miss) >= maxMiss {
			clear(n.miss)
		}
		n.miss[index] = now
	}
	return name, ok
}

func (n *IfNames) load() error {
	msgs, err := n.conn.DumpAll(context.Background(), nl.Request{
		Op: "list interfaces", Type: uapi.RTM_GETLINK, Data: make([]byte, ifinfomsgLen),
	})
	if err != nil && !errors.Is(err, nl.ErrDumpInterrupted) {
		return err
	}
	seen := make(map[uint32]bool, len(msgs))
	for _, m := range msgs {
		n.apply(m)
		if len(m.Data) >= ifinfomsgLen {
			seen[binary.NativeEndian.Uint32(m.Data[4:])] = true
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for index := range maps.Clone(n.names) {
		if !seen[index] {
			n.remove(index)
		}
	}
	return nil
}

func (n *IfNames) follow() {
	for {
		msgs, err := n.sub.Receive()
		switch {
		case errors.Is(err, syscall.ENOBUFS):
			// Changes were missed. Names are a convenience: when they cannot
			// be read anew now, unknown ones are asked for one by one.
			_ = n.load()
		case err != nil:
			return
		}
		for _, m := range msgs {
			n.apply(m)
		}
	}
}

// apply takes one link message.
func (n *IfNames) apply(m netlink.Message) {
	if len(m.Data) < ifinfomsgLen {
		return
	}
	index := binary.NativeEndian.Uint32(m.Data[4:])
	n.mu.Lock()
	defer n.mu.Unlock()
	switch uint16(m.Header.Type) {
	case uapi.RTM_NEWLINK:
		for a, err := range nl.Attrs(m.Data[ifinfomsgLen:]) {
			if err == nil && a.Type == uapi.IFLA_IFNAME {
				n.set(index, a.String())
				return
			}
		}
	case rtmDelLink:
		// A port that leaves a bridge is announced the same way, in the
		// bridge's address family.
		if m.Data[0] == syscall.AF_UNSPEC {
			n.remove(index)
		}
	}
}

func (n *IfNames) set(index uint32, name string) {
	if i := slices.Index(n.gone, index); i >= 0 { // the number is in use again
		n.gone = slices.Delete(n.gone, i, i+1)
	}
	if _, ok := n.names[index]; !ok && index > math.MaxUint16 {
		n.wide++
	}
	n.names[index] = name
	delete(n.miss, index)
}

// remove keeps the name for a while, except of a number that does not fit 16
// bits: it would go on making others ambiguous.
func (n *IfNames) remove(index uint32) {
	if _, ok := n.names[index]; !ok || slices.Contains(n.gone, index) {
		return
	}
	if index > math.MaxUint16 {
		n.wide--
		delete(n.names, index)
		return
	}
	n.gone = append(n.gone, index)
	if len(n.gone) > maxGone {
		delete(n.names, n.gone[0])
		n.gone = n.gone[1:]
	}
}
