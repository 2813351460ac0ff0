// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/tc"
)

// number is a flag for a whole number within bounds.
type number struct {
	value    uint32
	min, max uint32
}

func (n *number) String() string { return strconv.FormatUint(uint64(n.value), 10) }

func (n *number) Type() string { return "N" }

func (n *number) Set(s string) error {
	digits, base := s, 10
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = rest, 16
	} else if len(s) > 1 && s[0] == '0' {
		digits = "" // octal for some, decimal for others
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || uint32(v) < n.min || uint32(v) > n.max {
		return fmt.Errorf("not a whole number from %d to %d", n.min, n.max)
	}
	n.value = uint32(v)
	return nil
}

// cookieFlag is an action cookie in hexadecimal digits.
type cookieFlag struct{ hexstr.Bytes }

func (c *cookieFlag) Type() string { return "HEX" }

func (c *cookieFlag) Set(s string) error {
	var b hexstr.Bytes
	err := b.UnmarshalText([]byte(strings.TrimPrefix(s, "0x")))
	if err != nil || len(b) == 0 || len(b) > uapi.TC_COOKIE_MAX_SIZE {
		return fmt.Errorf("not 1 to %d bytes in hexadecimal, two digits each", uapi.TC_COOKIE_MAX_SIZE)
	}
	c.Bytes = b
	return nil
}

// sides adds --ingress and --egress.
func sides(cmd *cobra.Command, ingress, egress string) (chosen func() []tc.Direction) {
	in := cmd.Flags().Bool("ingress", false, ingress)
	out := cmd.Flags().Bool("egress", false, egress)
	cmd.MarkFlagsMutuallyExclusive("ingress", "egress")
	return func() []tc.Direction {
		switch {
		case *in:
			return []tc.Direction{tc.Ingress}
		case *out:
			return []tc.Direction{tc.Egress}
		}
		return nil
	}
}

// deviceArg takes one device name, or none where least is 0.
func deviceArg(least int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return errors.New("a device name is missing")
		case len(args) > 1:
			return fmt.Errorf("unexpected argument %q", args[1])
		case len(args) == 1 && args[0] == "":
			return errors.New("the device name is empty")
		}
		return nil
	}
}

// completeDevice offers the devices of the chosen namespace.
func completeDevice(netns openNetNS) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return deviceNames(netns), cobra.ShellCompDirectiveNoFileComp
	}
}

func deviceNames(netns openNetNS) []string {
	ns, err := netns()
	if err != nil {
		return nil
	}
	defer func(ns *nl.NetNS) { _ = ns.Close() }(ns)
	var names []string
	_ = ns.Do(func() error {
		ifs, err := net.Interfaces()
		for _, i := range ifs {
			names = append(names, i.Name)
		}
		return err
	})
	return names
}
