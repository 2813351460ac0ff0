// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"errors"
	"fmt"

	"github.com/dpscope/dpscope/ovs/odp"
)

// rare is the number of packets in 2^32 that a draw may decide without anybody
// waiting for it to happen.
const rare = 16

// isRare holds for draws whose one outcome is not to be expected.
func isRare(p uint32) bool { return p <= rare || p >= always-rare }

// predicted is an outcome and the share of packets it happens to. Both outcomes
// of rare draws are in a full prediction, but count for nothing in others.
type predicted struct {
	outcome Outcome
	share   float64
}

// maxRuns bounds how many ways through the draws of a list are followed.
const maxRuns = 4096

var errTooManyDraws = errors.New("too many random draws to follow them all")

// hazardError tells why a packet must not be sent.
type hazardError string

func (e hazardError) Error() string { return string(e) }

// predict gives every outcome the model knows for a packet, by their canonical
// form. With full set the outcomes of rare draws are among them.
func predict(actions odp.Actions, p Packet, trunc Trunc, full bool) (map[string]predicted, error) {
	frame := p.Frame(0)
	out := map[string]predicted{}
	var path []bool // what each draw decided
	for range maxRuns {
		share, at := 1.0, 0
		m := sim{trunc: trunc, frame: frame, choose: func(p uint32) bool {
			if isRare(p) && !full {
				return p > rare
			}
			if at == len(path) {
				path = append(path, true)
			}
			taken := path[at]
			at++
			chance := float64(p) / (1 << 32)
			if !taken {
				chance = 1 - chance
			}
			share *= chance
			return taken
		}}
		m.run(actions)
		if m.hazard != "" {
			return nil, hazardError(m.hazard)
		}
		key := m.out.canonical()
		p := out[key]
		p.outcome = m.out
		p.share += share
		out[key] = p
		// The last draw that was taken is not, next time.
		for len(path) > 0 && !path[len(path)-1] {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return out, nil
		}
		path[len(path)-1] = false
	}
	return nil, fmt.Errorf("predict %s: %w", actions, errTooManyDraws)
}

// outcomes are those of a prediction.
func outcomes(ps map[string]predicted) outcomeSet {
	s := outcomeSet{}
	for k, p := range ps {
		s[k] = p.outcome
	}
	return s
}
