// SPDX-License-Identifier: Apache-2.0

// Package listen is the command that prints packet samples: psample-listen, and
// ovs-dpctl psample-events.
package listen

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/psample/cookie"
)

// options are the command line.
type options struct {
	groups        []string
	count         uint64
	duration      time.Duration
	json          bool
	numeric       bool
	cookieFormat  string
	requireCookie bool
	strict        bool
	buffer        int
}

// Tool is the command as a tool of its own.
func Tool() *cobra.Command {
	var netns func() (*nl.NetNS, error)
	cmd := Command("psample-listen", func() (*nl.NetNS, error) { return netns() })
	netns = cli.NetNSFlag(cmd)
	return cmd
}

// Command is the command under a name, as part of a tool; netns opens the
// network namespace the user chose.
func Command(use string, netns func() (*nl.NetNS, error)) *cobra.Command {
	var opt options
	cmd := &cobra.Command{
		Use:   use,
		Short: "print packet samples of the kernel's psample module",
		Long: use + ` reads the packet samples that tc's sample action, the psample
action of Open vSwitch and switch drivers hand to the kernel's psample module.

It prints one line per sample, or with -j one JSON object, to standard output.
Once it listens it says so on standard error, in a line with "ready"; every
sample from then on is printed or counted as lost. Losses are reported on
standard error and, where they were noticed, in the output. A summary follows at
the end.

Without -c or -d it runs until it is interrupted.

Exit status: 0 done; 1 failed (also without CAP_NET_ADMIN); 2 usage; 3 the
kernel lacks psample or, with --require-cookie, cookies; 5 samples were lost and
--strict was given.`,
		Example: "  " + use + " -g 5 -c 10\n  " + use + " -j --cookie-format ovs | jq .cookie_decoded",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := opt.check()
			if err != nil {
				return err
			}
			// 0 stands for no limit only when nobody asked for one.
			for name, zero := range map[string]bool{"count": opt.count == 0, "duration": opt.duration == 0} {
				if zero && cmd.Flags().Changed(name) {
					return cli.Usagef("--%s 0: must be more than 0; leave it out for no limit", name)
				}
			}
			if opt.requireCookie {
				if err := requireCookie(cmd.Context()); err != nil {
					return err
				}
			}
			ns, err := netns()
			if err != nil {
				return err
			}
			defer func() { _ = ns.Close() }()
			return listen(cmd, set, ns)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&opt.groups, "group", "g", nil, "only samples of psample group `GROUP` (repeatable)")
	f.Uint64VarP(&opt.count, "count", "c", 0, "end after `N` samples")
	f.DurationVarP(&opt.duration, "duration", "d", 0, "end after `DURATION`, for instance 30s or 5m")
	f.BoolVarP(&opt.json, "json", "j", false, "print JSON Lines")
	f.BoolVarP(&opt.numeric, "numeric", "n", false, "print interface numbers, not names")
	f.StringVar(&opt.cookieFormat, "cookie-format", "raw", "what cookies mean: `"+strings.Join(cookie.Names(), "|")+"`; auto guesses")
	f.BoolVar(&opt.requireCookie, "require-cookie", false, "end with status 3 if the kernel's samples cannot carry cookies")
	f.BoolVar(&opt.strict, "strict", false, "end with status 5 if samples were lost")
	f.IntVar(&opt.buffer, "buffer", 0, "receive buffer in `BYTES` (default 64 MiB)")
	return cmd
}

// settings are options that were checked.
type settings struct {
	options
	groups []uint32
	cookie cookie.Decoder
}

// maxBuffer is what SO_RCVBUFFORCE can double without overflow.
const maxBuffer = 1<<30 - 1

func (o options) check() (settings, error) {
	set := settings{options: o}
	for _, g := range o.groups {
		v, err := strconv.ParseUint(g, 0, 32)
		if err != nil {
			return set, cli.Usagef("--group %q: a psample group is a number from 0 to 4294967295", g)
		}
		set.groups = append(set.groups, uint32(v))
	}
	if o.duration < 0 {
		return set, cli.Usagef("--duration %s: cannot be negative", o.duration)
	}
	if o.buffer < 0 || o.buffer > maxBuffer {
		return set, cli.Usagef("--buffer %d: wants bytes, at most %d", o.buffer, maxBuffer)
	}
	d, err := cookie.Lookup(o.cookieFormat)
	if err != nil {
		return set, cli.Usagef("--cookie-format: %w", err)
	}
	set.cookie = d
	return set, nil
}

// deadline bounds ctx by --duration.
func (s settings) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.duration > 0 {
		return context.WithTimeout(ctx, s.duration)
	}
	return context.WithCancel(ctx)
}
