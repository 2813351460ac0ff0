// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs/odp"
)

// converter reads one form of a flow or of actions and writes another.
type converter struct {
	read  odp.ParseOptions
	write odp.TextOptions

	json, hex, fromJSON, fromHex bool
}

// parseCommand makes parse-flow or parse-actions. convert appends the wanted
// form of a line.
func parseCommand(use, short, long, example string, convert func(converter, []byte, []byte) ([]byte, error)) *cobra.Command {
	var (
		c       converter
		more    bool
		dialect string
		ports   map[string]string
	)
	cmd := &cobra.Command{
		Use: use + " [FILE|-]", Short: short, Example: example,
		Long: long + `

Lines are read from FILE or standard input. Empty ones and those that begin with
# are skipped. One that cannot be read is reported with its number, and the rest
goes on. Neither a kernel nor privileges are needed.

Both dialects print what their tool prints, which loses some things; with -m, -j
and --hex nothing is lost.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if c.read.Dialect, err = odp.ParseDialect(dialect); err != nil {
				return cli.Usagef("%w", err)
			}
			if c.read.Ports, err = portFlag(ports); err != nil {
				return err
			}
			c.write = odp.TextOptions{Dialect: c.read.Dialect, Verbose: more, Lossless: more && c.read.Dialect == odp.OVS}
			return convertLines(cmd, args, func(out, line []byte) ([]byte, error) { return convert(c, out, line) })
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&c.json, "json", "j", false, "print a JSON object for each line")
	f.BoolVar(&c.hex, "hex", false, "print netlink attributes in hex")
	f.BoolVarP(&more, "more", "m", false, "print all fields; in the OVS dialect lose nothing")
	f.BoolVar(&c.fromJSON, "from-json", false, "read what -j prints")
	f.BoolVar(&c.fromHex, "from-hex", false, "read what --hex prints")
	f.StringVar(&dialect, "dialect", odp.OVS.String(), "whose text: ovs (ovs-dpctl) or kselftest (the kernel selftests' ovs-dpctl.py)")
	f.StringToStringVar(&ports, "port", nil, "a port's name and number, to be used in the text")
	cmd.MarkFlagsMutuallyExclusive("json", "hex", "more")
	cmd.MarkFlagsMutuallyExclusive("from-json", "from-hex")
	return cmd
}

func portFlag(ports map[string]string) (odp.Ports, error) {
	out := odp.Ports{}
	for name, text := range ports {
		n, err := strconv.ParseUint(text, 0, 32)
		if err != nil {
			return nil, cli.Usagef("--port %s=%s: want a number of 32 bits", name, text)
		}
		out[name] = uint32(n)
	}
	return out, nil
}

func parseFlowCommand() *cobra.Command {
	return parseCommand("parse-flow", "read flows and print them in another form",
		`parse-flow reads what flows match, one per line, and prints it as dump-flows
does, as JSON or as netlink attributes in hex. In hex a flow is its key and,
behind a slash, its mask; without a slash it has none. ufid:UUID may stand in
front, with a comma behind it.`,
		`  ovs-dpctl parse-flow -j flows.txt
  echo 'in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/8)' | ovs-dpctl parse-flow --hex`,
		converter.flow)
}

func parseActionsCommand() *cobra.Command {
	return parseCommand("parse-actions", "read lists of actions and print them in another form",
		`parse-actions reads lists of actions, one per line, and prints them as dump-flows
does, as JSON or as netlink attributes in hex, where - stands for none.`,
		`  ovs-dpctl parse-actions -j actions.txt
  echo 'psample(group=7,cookie=0xc0ffee),2' | ovs-dpctl parse-actions --hex`,
		converter.actions)
}

func (c converter) flow(b, line []byte) ([]byte, error) {
	var (
		ufid odp.UFID
		m    odp.Match
		err  error
	)
	switch {
	case c.fromJSON:
		ufid, m, err = flowFromJSON(line)
	case c.fromHex:
		ufid, m, err = flowFromHex(string(line))
	default:
		ufid, m, err = c.read.Flow(string(line))
	}
	if err == nil && len(m.Fields) == 0 {
		err = errors.New("flow: no keys")
	}
	switch {
	case err != nil:
		return nil, err
	case c.json:
		return appendFlowJSON(b, ufid, m)
	}
	if ufid != nil {
		b = append(append(append(b, "ufid:"...), ufid.String()...), ',')
	}
	if c.hex {
		return appendFlowHex(b, m)
	}
	return m.AppendText(b, c.write), nil
}

func flowFromHex(s string) (odp.UFID, odp.Match, error) {
	var ufid odp.UFID
	if rest, ok := strings.CutPrefix(s, "ufid:"); ok {
		word, keys, _ := strings.Cut(rest, ",")
		var err error
		if ufid, err = odp.ParseUFID(word); err != nil {
			return nil, odp.Match{}, fmt.Errorf("flow: %w", err)
		}
		s = keys
	}
	word, maskWord, masked := strings.Cut(s, "/")
	key, err := hex.DecodeString(strings.TrimSpace(word))
	if err != nil {
		return nil, odp.Match{}, fmt.Errorf("flow: key: %w", err)
	}
	var mask []byte
	if masked {
		if mask, err = hex.DecodeString(strings.TrimSpace(maskWord)); err != nil {
			return nil, odp.Match{}, fmt.Errorf("flow: mask: %w", err)
		}
		mask = append([]byte{}, mask...) // not nil: there is one
	}
	m, err := odp.DecodeMatch(key, mask)
	return ufid, m, err
}

func appendFlowHex(b []byte, m odp.Match) ([]byte, error) {
	key, err := m.AppendKey(nil)
	if err != nil {
		return nil, err
	}
	b = hex.AppendEncode(b, key)
	if m.Exact {
		return b, nil
	}
	mask, err := m.AppendMask(nil)
	return hex.AppendEncode(append(b, '/'), mask), err
}

func (c converter) actions(b, line []byte) ([]byte, error) {
	var (
		as  odp.Actions
		err error
	)
	switch {
	case c.fromJSON:
		as, err = actionsFromJSON(line)
	case c.fromHex:
		as, err = actionsFromHex(string(line))
	default:
		as, err = c.read.Actions(string(line))
	}
	switch {
	case err != nil:
		return nil, err
	case c.json:
		return appendActionsJSON(b, as)
	case c.hex && len(as) == 0:
		return append(b, '-'), nil
	case c.hex:
		p, err := as.AppendNetlink(nil)
		return hex.AppendEncode(b, p), err
	}
	return as.AppendText(b, c.write), nil
}

func actionsFromHex(s string) (odp.Actions, error) {
	if s = strings.TrimSpace(s); s == "-" {
		return nil, nil
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("actions: %w", err)
	}
	return odp.DecodeActions(b)
}
