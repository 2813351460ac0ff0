// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"fmt"

	"github.com/dpscope/dpscope/nl/uapi"
)

// EventKind tells what happened.
type EventKind uint8

// What happens to a datapath, a port or a flow.
const (
	EventNew     EventKind = uapi.OVS_DP_CMD_NEW
	EventDeleted EventKind = uapi.OVS_DP_CMD_DEL
	EventChanged EventKind = uapi.OVS_DP_CMD_SET
)

// String is the kind in one word.
func (k EventKind) String() string {
	switch k {
	case EventNew:
		return "new"
	case EventDeleted:
		return "deleted"
	case EventChanged:
		return "changed"
	}
	return fmt.Sprintf("command %d", uint8(k))
}

// MarshalText writes the word, so that JSON shows it.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *EventKind) UnmarshalText(b []byte) error {
	for _, v := range []EventKind{EventNew, EventDeleted, EventChanged} {
		if v.String() == string(b) {
			*k = v
			return nil
		}
	}
	if n, err := fmt.Sscanf(string(b), "command %d", (*uint8)(k)); n != 1 || err != nil {
		return fmt.Errorf("event %q: not known", b)
	}
	return nil
}

// Event is a change that somebody made, as the kernel announced it. Of
// Datapath, Vport and Flow one is set: the object as it is now, or as it was
// when it was deleted. The pointer's memory is the receiver's.
type Event struct {
	Kind     EventKind `json:"event"`
	Datapath *Datapath `json:"datapath,omitempty"`
	Vport    *Vport    `json:"vport,omitempty"`
	Flow     *Flow     `json:"-"`
	// FromPID is the netlink port id of who asked for the change.
	FromPID uint32 `json:"-"`
}

// EventGroups says what a Monitor listens to. The kernel announces no flows that
// go with a flush (FlushFlows), a port or a datapath.
type EventGroups struct {
	Datapaths, Vports, Flows bool
}

// decodeEvent reads a message of a family's multicast group, after its genl
// header.
func decodeEvent(family string, command uint8, b []byte) (Event, error) {
	e := Event{Kind: EventKind(command)}
	switch family {
	case uapi.OVS_DATAPATH_FAMILY:
		d, err := DecodeDatapath(b)
		e.Datapath = &d
		return e, err
	case uapi.OVS_VPORT_FAMILY:
		v, err := DecodeVport(b)
		e.Vport = &v
		return e, err
	default:
		f, err := DecodeFlow(b)
		e.Flow = &f
		return e, err
	}
}
