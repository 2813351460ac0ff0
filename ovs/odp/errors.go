// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"errors"
	"fmt"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// SyntaxError is text that is no flow or no action list.
type SyntaxError struct {
	What   string // "flow" or "actions"
	Column int    // byte position of the fault, counted from 1
	Msg    string

	// Name is set when the fault is a word that would be right if a port had
	// this name.
	Name string
}

// Error reads `flow: column 12: ipv4: no field "foo"`.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s: column %d: %s", e.What, e.Column, e.Msg)
}

// UserspaceError tells that a key or an action exists in Open vSwitch's
// userspace datapath only, and so cannot be sent to the kernel.
type UserspaceError struct {
	Name   string // of the key or action
	Reason string
}

// Error reads "tnl_push: in the userspace datapath only: ...".
func (e *UserspaceError) Error() string {
	return fmt.Sprintf("%s: in the userspace datapath only: %s", e.Name, e.Reason)
}

func onlyUserspace(err error) bool {
	_, ok := errors.AsType[*UserspaceError](err)
	return ok
}

// Why the kernel has no such key.
var userspaceReasons = map[string]string{
	"packet_type": "the kernel tells by eth(...) whether there is an Ethernet header",
	"nd_ext":      "the kernel does not look at the options of neighbor discovery",
	"gtpu":        "the kernel has no GTP-U tunnels, and its flag ipv4_info_bridge has that number",
}

func userspaceKey(name string) error {
	return &UserspaceError{Name: name, Reason: userspaceReasons[name]}
}

// CheckKernel tells whether a match has only keys the kernel may be sent, and
// otherwise returns a *UserspaceError.
func (m Match) CheckKernel() error { return checkFields(m.Fields, 0) }

func checkFields(list []Field, depth int) error {
	for i := range list {
		f := &list[i]
		a := layout.Keys.Attr(f.Type)
		switch {
		case a.Userspace:
			return userspaceKey(a.Name)
		case f.Type == uapi.OVS_KEY_ATTR_TUNNEL:
			for _, side := range [][]byte{f.Value, f.Mask} {
				if err := checkTunnel(side); err != nil {
					return err
				}
			}
		case f.Type == uapi.OVS_KEY_ATTR_ENCAP && depth < maxDepth:
			inner, err := decodeMatch(f.Value, f.Mask, depth+1)
			if err != nil {
				continue // for the kernel to refuse
			}
			if err := checkFields(inner.Fields, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkTunnel(b []byte) error {
	for at, err := range allAttrs(b) {
		if err != nil {
			return nil // for the kernel to refuse
		}
		if a := layout.Tunnel.For(at.Type, at.Data); a.Userspace {
			return userspaceKey(a.Name)
		}
	}
	return nil
}

// CheckKernel tells whether a list has only actions the kernel may be sent, and
// otherwise returns a *UserspaceError.
func (as Actions) CheckKernel() error {
	var err error
	as.find(func(a Action) bool {
		switch a := a.(type) {
		case Set:
			err = checkFields([]Field{a.Field}, 0)
		case SetMasked:
			err = checkFields([]Field{a.Field}, 0)
		case LBOutput, TnlPop, TnlPush:
			_, err = a.appendAttr(nil)
		}
		return err != nil
	})
	return err
}
