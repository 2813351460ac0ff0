// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

const (
	kindMatchall = "matchall"
	kindSample   = "sample"
)

// tcmsgLen is sizeof(struct tcmsg), linux/rtnetlink.h.
const tcmsgLen = 20

// Filter is one message of a filter dump. The kernel also sends one without
// options and with handle 0 for every preference in use.
type Filter struct {
	IfIndex  uint32 // uapi.TCM_IFINDEX_MAGIC_BLOCK: Parent is a shared block's index
	Handle   uint32
	Parent   uint32
	Pref     uint16
	Protocol uint16 // Ethernet type in host order; 3 (ETH_P_ALL) for every protocol
	Chain    uint32
	Kind     string

	// Actions are a matchall filter's. Other kinds number their action
	// attribute differently; theirs are not looked at.
	Actions []Action

	Unknown []Unknown
}

// Action is one action of a filter. Sample is set for kind "sample"; other
// kinds keep their options in Unknown.
type Action struct {
	Kind    string
	Index   uint32
	Cookie  []byte
	Sample  *Sample
	Stats   Stats
	Unknown []Unknown
}

// Sample is what a sample action was told to do.
type Sample struct {
	Control   Control
	Rate      uint32
	Group     uint32
	Trunc     uint32
	Truncated bool // Trunc counts
}

// Stats are an action's counters. Drops, Overlimits and Requeues are 32 bits
// wide in the kernel and wrap.
type Stats struct {
	Packets    uint64 `json:"packets"`
	Bytes      uint64 `json:"bytes"`
	Drops      uint32 `json:"drops"`
	Overlimits uint32 `json:"overlimits"`
	Requeues   uint32 `json:"requeues"`
}

// Unknown is an attribute whose number this package does not know, or the
// options of a kind it does not look into.
type Unknown struct {
	Path string       `json:"path"` // the attributes around it, outermost first
	Type uint16       `json:"type"`
	Hex  hexstr.Bytes `json:"hex"`
}

// Control is what the kernel does after an action (TC_ACT_*, linux/pkt_cls.h).
type Control int32

// String names a control as tc does: pipe, continue, drop, goto chain 5 ...
func (c Control) String() string {
	switch c {
	case uapi.TC_ACT_UNSPEC:
		return "continue"
	case uapi.TC_ACT_OK:
		return "pass"
	case uapi.TC_ACT_RECLASSIFY:
		return "reclassify"
	case uapi.TC_ACT_SHOT:
		return "drop"
	case uapi.TC_ACT_PIPE:
		return "pipe"
	case uapi.TC_ACT_STOLEN:
		return "stolen"
	case uapi.TC_ACT_TRAP:
		return "trap"
	}
	// Extended actions carry an opcode in the upper four bits.
	const opcodeJump, opcodeGoto, valueMask = 1, 2, 1<<28 - 1
	switch uint32(c) >> 28 {
	case opcodeJump:
		return fmt.Sprintf("jump %d", uint32(c)&valueMask)
	case opcodeGoto:
		return fmt.Sprintf("goto chain %d", uint32(c)&valueMask)
	}
	return fmt.Sprintf("%d", int32(c))
}

// DecodeFilter reads one RTM_NEWTFILTER message (struct tcmsg and attributes)
// of any kind. Unknown attributes and kinds are kept; an error means that a
// length does not add up, and names the attribute.
func DecodeFilter(b []byte) (Filter, error) {
	if len(b) < tcmsgLen {
		return Filter{}, fmt.Errorf("decode filter: message of %d bytes is shorter than struct tcmsg (%d)", len(b), tcmsgLen)
	}
	h := decodeTcmsg(b)
	f := Filter{
		IfIndex: h.ifindex, Handle: h.handle, Parent: h.parent,
		Pref:     uint16(h.info >> 16),
		Protocol: ntohs(uint16(h.info)),
	}
	var options []byte
	for a, err := range nl.Attrs(b[tcmsgLen:]) {
		if err != nil {
			return Filter{}, fmt.Errorf("decode filter: %w", err)
		}
		switch a.Type {
		case uapi.TCA_KIND:
			f.Kind = a.String()
		case uapi.TCA_OPTIONS:
			options = a.Data
		case uapi.TCA_CHAIN:
			v, ok := a.Uint32()
			if !ok {
				return Filter{}, badLength("decode filter", "TCA_CHAIN", a)
			}
			f.Chain = v
		case uapi.TCA_PAD:
		default:
			f.Unknown = append(f.Unknown, unknown("", a))
		}
	}
	// The kind says what the options mean, and nothing says it comes first.
	if f.Kind != kindMatchall {
		if options != nil {
			f.Unknown = append(f.Unknown, unknown("", nl.Attr{Type: uapi.TCA_OPTIONS, Data: options}))
		}
		return f, nil
	}
	if err := f.decodeMatchall(options); err != nil {
		return Filter{}, err
	}
	return f, nil
}

func (f *Filter) decodeMatchall(b []byte) error {
	for a, err := range nl.Attrs(b) {
		if err != nil {
			return fmt.Errorf("decode matchall filter: %w [TCA_OPTIONS]", err)
		}
		switch a.Type {
		case uapi.TCA_MATCHALL_ACT:
			for e, err := range nl.Attrs(a.Data) {
				if err != nil {
					return fmt.Errorf("decode matchall filter: %w [TCA_OPTIONS/TCA_MATCHALL_ACT]", err)
				}
				path := fmt.Sprintf("TCA_OPTIONS/TCA_MATCHALL_ACT/%d", e.Type)
				act, err := decodeAction(e.Data, path)
				if err != nil {
					return err
				}
				f.Actions = append(f.Actions, act)
			}
		case uapi.TCA_MATCHALL_CLASSID, uapi.TCA_MATCHALL_FLAGS, uapi.TCA_MATCHALL_PCNT, uapi.TCA_MATCHALL_PAD:
			// Known, and of no use here.
		default:
			f.Unknown = append(f.Unknown, unknown("TCA_OPTIONS", a))
		}
	}
	return nil
}

func decodeAction(b []byte, path string) (Action, error) {
	var (
		act     Action
		options []byte
	)
	for a, err := range nl.Attrs(b) {
		if err != nil {
			return act, fmt.Errorf("decode action: %w [%s]", err, path)
		}
		switch a.Type {
		case uapi.TCA_ACT_KIND:
			act.Kind = a.String()
		case uapi.TCA_ACT_OPTIONS:
			options = a.Data
		case uapi.TCA_ACT_INDEX:
			v, ok := a.Uint32()
			if !ok {
				return act, badLength("decode action", path+"/TCA_ACT_INDEX", a)
			}
			act.Index = v
		case uapi.TCA_ACT_COOKIE:
			act.Cookie = append([]byte{}, a.Data...)
		case uapi.TCA_ACT_STATS:
			if err := act.decodeStats(a.Data, path+"/TCA_ACT_STATS"); err != nil {
				return act, err
			}
		case uapi.TCA_ACT_FLAGS, uapi.TCA_ACT_HW_STATS, uapi.TCA_ACT_USED_HW_STATS, uapi.TCA_ACT_IN_HW_COUNT, uapi.TCA_ACT_PAD:
			// Known, and of no use here.
		default:
			act.Unknown = append(act.Unknown, unknown(path, a))
		}
	}
	if act.Kind != kindSample {
		if options != nil {
			act.Unknown = append(act.Unknown, unknown(path, nl.Attr{Type: uapi.TCA_ACT_OPTIONS, Data: options}))
		}
		return act, nil
	}
	err := act.decodeSample(options, path+"/TCA_ACT_OPTIONS")
	return act, err
}

// tcGenLen is the size of tc_gen, the five u32 struct tc_sample consists of:
// index, capab, action, refcnt, bindcnt (linux/pkt_cls.h).
const tcGenLen = 20

func (act *Action) decodeSample(b []byte, path string) error {
	s := &Sample{}
	for a, err := range nl.Attrs(b) {
		if err != nil {
			return fmt.Errorf("decode sample action: %w [%s]", err, path)
		}
		ok := true
		switch a.Type {
		case uapi.TCA_SAMPLE_PARMS:
			if ok = len(a.Data) >= tcGenLen; ok {
				act.Index = binary.NativeEndian.Uint32(a.Data)
				s.Control = Control(binary.NativeEndian.Uint32(a.Data[8:]))
			}
		case uapi.TCA_SAMPLE_RATE:
			s.Rate, ok = a.Uint32()
		case uapi.TCA_SAMPLE_TRUNC_SIZE:
			s.Trunc, ok = a.Uint32()
			s.Truncated = true
		case uapi.TCA_SAMPLE_PSAMPLE_GROUP:
			s.Group, ok = a.Uint32()
		case uapi.TCA_SAMPLE_TM, uapi.TCA_SAMPLE_PAD:
		default:
			act.Unknown = append(act.Unknown, unknown(path, a))
		}
		if !ok {
			return badLength("decode sample action", fmt.Sprintf("%s/%d", path, a.Type), a)
		}
	}
	act.Sample = s
	return nil
}

// Offsets in struct gnet_stats_basic {u64 bytes; u32 packets} and struct
// gnet_stats_queue {u32 qlen, backlog, drops, requeues, overlimits},
// linux/gen_stats.h.
const (
	basicLen = 12
	queueLen = 20
)

func (act *Action) decodeStats(b []byte, path string) error {
	var wide bool
	for a, err := range nl.Attrs(b) {
		if err != nil {
			return fmt.Errorf("decode action counters: %w [%s]", err, path)
		}
		ok := true
		switch a.Type {
		case uapi.TCA_STATS_BASIC:
			if ok = len(a.Data) >= basicLen; ok {
				act.Stats.Bytes = binary.NativeEndian.Uint64(a.Data)
				if !wide {
					act.Stats.Packets = uint64(binary.NativeEndian.Uint32(a.Data[8:]))
				}
			}
		case uapi.TCA_STATS_PKT64:
			act.Stats.Packets, ok = a.Uint64()
			wide = true
		case uapi.TCA_STATS_QUEUE:
			if ok = len(a.Data) >= queueLen; ok {
				act.Stats.Drops = binary.NativeEndian.Uint32(a.Data[8:])
				act.Stats.Requeues = binary.NativeEndian.Uint32(a.Data[12:])
				act.Stats.Overlimits = binary.NativeEndian.Uint32(a.Data[16:])
			}
		case uapi.TCA_STATS_BASIC_HW:
			// The part of BASIC that hardware counted; BASIC includes it.
		case uapi.TCA_STATS_RATE_EST, uapi.TCA_STATS_RATE_EST64, uapi.TCA_STATS_APP, uapi.TCA_STATS_PAD:
			// Known, and of no use here.
		default:
			act.Unknown = append(act.Unknown, unknown(path, a))
		}
		if !ok {
			return badLength("decode action counters", fmt.Sprintf("%s/%d", path, a.Type), a)
		}
	}
	return nil
}

func unknown(path string, a nl.Attr) Unknown {
	return Unknown{Path: path, Type: a.Type, Hex: bytes.Clone(a.Data)}
}

func badLength(op, path string, a nl.Attr) error {
	return fmt.Errorf("%s: %d bytes are no valid length [%s]", op, len(a.Data), path)
}

// tcmsg is struct tcmsg, linux/rtnetlink.h; integers in host order.
type tcmsg struct {
	ifindex, handle, parent, info uint32
}

func decodeTcmsg(b []byte) tcmsg {
	return tcmsg{
		ifindex: binary.NativeEndian.Uint32(b[4:]),
		handle:  binary.NativeEndian.Uint32(b[8:]),
		parent:  binary.NativeEndian.Uint32(b[12:]),
		info:    binary.NativeEndian.Uint32(b[16:]),
	}
}

func (m tcmsg) append(b []byte) []byte {
	b = append(b, 0, 0, 0, 0) // family, padding
	b = binary.NativeEndian.AppendUint32(b, m.ifindex)
	b = binary.NativeEndian.AppendUint32(b, m.handle)
	b = binary.NativeEndian.AppendUint32(b, m.parent)
	return binary.NativeEndian.AppendUint32(b, m.info)
}

// ntohs turns a big-endian u16 that was read in host order around where the
// host is little endian; it is its own inverse (htons).
func ntohs(v uint16) uint16 {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return v
	}
	return bits.ReverseBytes16(v)
}

// ethPAll is ETH_P_ALL, linux/if_ether.h: every protocol.
const ethPAll = 3

// filterInfo is the tcm_info of a filter for every protocol.
func filterInfo(pref uint16) uint32 { return uint32(pref)<<16 | uint32(ntohs(ethPAll)) }
