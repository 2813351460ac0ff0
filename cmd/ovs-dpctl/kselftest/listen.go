// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/psample"
)

// upcallSource is where upcalls come from.
type upcallSource interface {
	PID() uint32
	Receive(context.Context) (ovs.Upcall, error)
}

// upcalls prints upcalls until the user has had enough.
func (s session) upcalls(src upcallSource) error {
	// Scripts take what follows the colon for the receiver of their own actions.
	if err := say(s.cmd, "listening on upcall packet handler: %d", src.PID()); err != nil {
		return err
	}
	for {
		u, err := src.Receive(s.ctx())
		var errno syscall.Errno
		switch {
		case err == nil:
			if err := say(s.cmd, "%s", upcallLine(u)); err != nil {
				return err
			}
		case s.ctx().Err() != nil:
			return nil
		case errors.As(err, &errno):
			return err
		default: // some were lost, or one cannot be read: others can
			cli.Warnf(s.cmd, "%v", err)
		}
	}
}

// upcallLine is what is said of an upcall.
func upcallLine(u ovs.Upcall) string {
	switch u.Command {
	case ovs.UpcallMiss:
		packet, key := "no", []byte("(none)")
		if u.Packet != nil {
			packet = "yes"
		}
		if len(u.Key.Fields) > 0 {
			key = u.Key.AppendText(nil, odp.TextOptions{Verbose: true, Dialect: odp.Kselftest})
		}
		return fmt.Sprintf("MISS upcall[%d/%s]: %s", u.Seq, packet, key)
	case ovs.UpcallAction:
		return "userspace action command"
	case uapi.OVS_PACKET_CMD_EXECUTE:
		return "userspace execute command"
	}
	return fmt.Sprintf("Unknown cmd: %d", uint8(u.Command))
}

func (t *tool) psampleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "psample-events",
		Short: "print packet samples of the kernel's psample module",
		Long: `psample-events prints a line for each packet sample of every group, until it is
interrupted: rate, group, cookie and the packet's bytes. psample-listen tells
more.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := psample.Listen(psample.Config{})
			if err != nil {
				return err
			}
			defer func() { _ = l.Close() }()
			return samples(cmd, l)
		},
	}
}

// sampleSource is where samples come from.
type sampleSource interface {
	Next(context.Context) (*psample.Sample, error)
}

func samples(cmd *cobra.Command, src sampleSource) error {
	if err := say(cmd, "listening for psample events"); err != nil {
		return err
	}
	for {
		smp, err := src.Next(cmd.Context())
		var notice psample.Notice
		switch {
		case err == nil:
			if err := say(cmd, "%s", sampleLine(smp)); err != nil {
				return err
			}
		case errors.As(err, &notice):
			cli.Warnf(cmd, "%v", err)
		case cmd.Context().Err() != nil:
			return nil
		default:
			return err
		}
	}
}

// sampleLine is what is said of a sample, in the order the kernel has it.
func sampleLine(s *psample.Sample) string {
	var b []byte
	field := func(attr uint16, name string, value func([]byte) []byte) {
		if !s.Has(attr) {
			return
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = value(append(append(b, name...), ':'))
	}
	decimal := func(v uint32) func([]byte) []byte {
		return func(b []byte) []byte { return strconv.AppendUint(b, uint64(v), 10) }
	}
	field(uapi.PSAMPLE_ATTR_SAMPLE_RATE, "rate", decimal(s.Rate))
	field(uapi.PSAMPLE_ATTR_SAMPLE_GROUP, "group", decimal(s.Group))
	field(uapi.PSAMPLE_ATTR_USER_COOKIE, "cookie", func(b []byte) []byte { return hex.AppendEncode(b, s.Cookie) })
	if len(s.Data) > 0 {
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = hex.AppendEncode(append(b, "data:"...), s.Data)
	}
	return string(b)
}
