// SPDX-License-Identifier: Apache-2.0

package flowfilter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/ovs/odp"
)

// Parse reads a filter: a datapath flow in odp's text, or the fields of an
// OpenFlow match, NAME=VALUE[/MASK] and protocol names separated by commas.
// The empty one takes every flow.
func Parse(text string, ports odp.Ports) (Filter, error) {
	if text == "" {
		return Filter{}, nil
	}
	key := text
	// Flags have no parentheses in OpenFlow matches, nor has anything else.
	if !strings.Contains(text, "(") {
		var err error
		if key, err = translate(text); err != nil {
			return Filter{}, err
		}
	}
	_, m, err := odp.ParseFlow(key, ports)
	if err != nil {
		if key != text {
			err = fmt.Errorf("%w, in %q", err, key)
		}
		return Filter{}, err
	}
	return Filter{m}, nil
}

// words collects the parts of keys in the order they came up.
type words struct {
	order []string
	parts map[string][]string
}

func (w *words) add(key, text string) {
	if _, ok := w.parts[key]; !ok {
		w.order = append(w.order, key)
	}
	w.parts[key] = append(w.parts[key], text)
}

func (w *words) String() string {
	keys := make([]string, len(w.order))
	for i, k := range w.order {
		keys[i] = k + "(" + strings.Join(w.parts[k], ",") + ")"
	}
	return strings.Join(keys, ",")
}

// protocols are the keys of transport protocols by number.
var protocols = map[string]string{"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "132": "sctp"}

// translate turns an OpenFlow match into a datapath key.
func translate(text string) (string, error) {
	var (
		w       = words{parts: map[string][]string{}}
		known   = map[string]bool{} // keys that the filter is known to be about
		pending = map[string]string{}
		order   []string
	)
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		name, value, isField := strings.Cut(word, "=")
		if s, ok := shorthands[name]; ok && !isField {
			w.add("eth_type", s.ethType)
			known[ipKey(s.ethType)] = true
			if s.proto != "" {
				w.add(ipKey(s.ethType), "proto="+s.proto)
				known[protocols[s.proto]] = true
			}
			continue
		}
		if _, ok := fields[name]; !ok {
			return "", fmt.Errorf("filter: unknown field %q", name)
		}
		if !isField || value == "" {
			return "", fmt.Errorf("filter: %s: a value is missing", name)
		}
		if _, ok := pending[name]; ok {
			return "", fmt.Errorf("filter: %s twice", name)
		}
		pending[name] = value
		order = append(order, name)
		switch name {
		case "dl_type", "eth_type":
			known[ipKey(value)] = true
		case "nw_proto", "ip_proto":
			known[protocols[value]] = true
		}
	}
	for _, name := range order {
		p, value := fields[name], pending[name]
		key := p.keys[0]
		if len(p.keys) > 1 {
			i := slices.IndexFunc(p.keys, func(k string) bool {
				return known[k] || k == "ct_tuple4" && !known["ipv6"] || k == "ct_tuple6" && known["ipv6"]
			})
			if i < 0 {
				return "", fmt.Errorf("filter: %s: of which protocol? (say one of %s)", name, strings.Join(p.keys, ", "))
			}
			key = p.keys[i]
		}
		part := p.part
		if key == "ipv6" && part == "ttl" {
			part = "hlimit"
		}
		if part == "" {
			w.add(key, value)
		} else {
			w.add(key, part+"="+value)
		}
	}
	return w.String(), nil
}

// ipKey is the key of the network layer that an Ethernet type stands for.
func ipKey(ethType string) string {
	switch strings.ToLower(ethType) {
	case "0x0800", "0x800", "2048":
		return "ipv4"
	case "0x86dd", "34525":
		return "ipv6"
	case "0x0806", "0x806", "2054":
		return "arp"
	}
	return ""
}
