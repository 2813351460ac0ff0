// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"fmt"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

const (
	kindClsact  = "clsact"
	kindIngress = "ingress"
)

// qdisc is the queueing discipline filters of a device hang on.
type qdisc struct {
	kind  string
	block [2]uint32 // shared filter block by Direction, 0 for none
}

// sides are the directions filters can hang on. The older "ingress" has one
// only and would answer for the other as well.
func (q qdisc) sides() []Direction {
	if q.kind == kindClsact {
		return []Direction{Ingress, Egress}
	}
	return []Direction{Ingress}
}

// decodeQdisc reads one RTM_NEWQDISC message.
func decodeQdisc(b []byte) (tcmsg, qdisc, error) {
	if len(b) < tcmsgLen {
		return tcmsg{}, qdisc{}, fmt.Errorf("decode queueing discipline: message of %d bytes is shorter than struct tcmsg (%d)", len(b), tcmsgLen)
	}
	var q qdisc
	for a, err := range nl.Attrs(b[tcmsgLen:]) {
		if err != nil {
			return tcmsg{}, q, fmt.Errorf("decode queueing discipline: %w", err)
		}
		ok := true
		switch a.Type {
		case uapi.TCA_KIND:
			q.kind = a.String()
		case uapi.TCA_INGRESS_BLOCK:
			q.block[Ingress], ok = a.Uint32()
		case uapi.TCA_EGRESS_BLOCK:
			q.block[Egress], ok = a.Uint32()
		}
		if !ok {
			return tcmsg{}, q, badLength("decode queueing discipline", fmt.Sprintf("%d", a.Type), a)
		}
	}
	return decodeTcmsg(b), q, nil
}
