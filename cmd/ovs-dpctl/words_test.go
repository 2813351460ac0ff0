// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/ovs"
)

func TestSplitFlowLine(t *testing.T) {
	const key, acts = "in_port(1),eth(),eth_type(0x0800),ipv4()", "sample(sample=50%,actions(1,2)),2"
	for _, tt := range []struct {
		line string
		want flowLine
	}{
		{key + " " + acts, flowLine{lineAdd, key, acts, true}},
		{"modify " + key + "  " + acts, flowLine{lineModify, key, acts, true}},
		{"mod " + key + " drop", flowLine{lineModify, key, "drop", true}},
		{"del " + key, flowLine{lineDelete, key, "", false}},
		{"delete ufid:00", flowLine{lineDelete, "ufid:00", "", false}},
		{"ufid:00, in_port(1), eth() 1, 2", flowLine{lineAdd, "ufid:00, in_port(1), eth()", "1, 2", true}},
		{"ufid:00, " + key + ", packets:3, bytes:0, used:never, dp:ovs, actions:" + acts, flowLine{lineAdd, "ufid:00, " + key, acts, true}},
		{key + ", actions:drop", flowLine{lineAdd, key, "drop", true}},
		{key, flowLine{lineAdd, key, "", false}},
		{"", flowLine{}},
		{"add", flowLine{flow: "add"}},
	} {
		if d := cmp.Diff(tt.want, splitFlowLine(tt.line, lineAdd), cmp.AllowUnexported(flowLine{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, d)
		}
	}
}

func FuzzSplitFlowLine(f *testing.F) {
	for _, s := range []string{"add in_port(1) 2", "ufid:00, in_port(1), packets:0, actions:2", "((() )", "delete  x", ", packets:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		l := splitFlowLine(line, lineDelete)
		if !strings.Contains(line, l.flow) || !strings.Contains(line, l.actions) || l.actions != "" && !l.hasActions {
			t.Errorf("%q is taken for %+v", line, l)
		}
	})
}

func TestParseMeter(t *testing.T) {
	for text, want := range map[string]ovs.MeterConfig{
		"meter=1,kbps,band=type=drop,rate=5":                                            {ID: 1, Kbps: true, Bands: []ovs.BandConfig{{Rate: 5}}},
		"meter=0x10 pktps bands=type=drop,rate=5,burst_size=7":                          {ID: 16, Bands: []ovs.BandConfig{{Rate: 5, Burst: 7}}},
		"meter=1,pktps,burst,stats,band=type=drop,rate=5,type=drop,rate=6,burst_size=1": {ID: 1, Bands: []ovs.BandConfig{{Rate: 5}, {Rate: 6, Burst: 1}}},
		"meter=1 kbps band=type=drop rate=5 band=rate=6":                                {ID: 1, Kbps: true, Bands: []ovs.BandConfig{{Rate: 5}, {Rate: 6}}},
		"band=type=drop,rate=4294967295,meter=4294967295":                               {ID: 1<<32 - 1, Bands: []ovs.BandConfig{{Rate: 1<<32 - 1}}},
	} {
		got, err := parseMeter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

func FuzzParseMeter(f *testing.F) {
	f.Add("meter=1,kbps,band=type=drop,rate=5")
	f.Add("band=,band=,rate=1")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMeter(text)
		if err == nil && (len(m.Bands) == 0 || m.Bands[0].Rate == 0) {
			t.Errorf("%q is taken for %+v", text, m)
		}
	})
}

func TestPortKind(t *testing.T) {
	for name, want := range map[string]string{
		"veth0": "", "vxlan_sys_4789": "vxlan: packet_type=ptap", "vxlan_sys_4790": "vxlan: dst_port=4790, packet_type=ptap",
		"genev_sys_6081": "geneve: packet_type=ptap", "gre_sys": "gre: packet_type=ptap", "vxlan0": "",
	} {
		if got := portKind(ovs.Vport{Name: name, Type: ovs.VportNetdev}); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := portKind(ovs.Vport{Name: "gre_sys", Type: ovs.VportInternal}); got != "internal" {
		t.Errorf("internal: %q", got)
	}
}

func TestPowerOfTwo(t *testing.T) {
	for n, want := range map[uint32]uint32{0: 0, 1: 1, 2: 2, 3: 4, 500: 512, 512: 512, 1 << 31: 1 << 31} {
		if got := powerOfTwo(n); got != want {
			t.Errorf("%d: %d, want %d", n, got, want)
		}
	}
}

// TestOptionsAnywhere: Open vSwitch's options stand before the command or behind
// it, and --read-only keeps commands that change something from running.
func TestOptionsAnywhere(t *testing.T) {
	for _, tt := range []struct {
		args   string
		status int
		want   string // on stderr
	}{
		{"--read-only del-flows d0", cli.ExitFailed, "del-flows: it changes something, and --read-only was given"},
		{"add-dp --read-only d0", cli.ExitFailed, "add-dp: it changes something"},
		{"-m -s --names --clear --may-create -t 5 parse-flow /dev/null", cli.ExitOK, ""},
		{"parse-flow -s --names --timeout=5 --read-only /dev/null", cli.ExitOK, ""},
		{"--version", cli.ExitOK, ""},
		{"-V", cli.ExitOK, ""},
		{"-t -1 show", cli.ExitUsage, "invalid argument"},
	} {
		var out, errs bytes.Buffer
		status := cli.Run(t.Context(), newCommand(), strings.Fields(tt.args), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		if status != tt.status || !strings.Contains(errs.String(), tt.want) || tt.want == "" && errs.Len() > 0 {
			t.Errorf("%s: status %d, %s", tt.args, status, &errs)
		}
	}
}

// TestChangingCommandsAreMarked: no command that changes something is forgotten.
func TestChangingCommandsAreMarked(t *testing.T) {
	shows := strings.Fields("cache-get-size ct-get-limits ct-stats-show doctor dump-conntrack dump-dps dump-flows dump-meters get-flow " +
		"meter-features monitor parse-actions parse-flow psample-events set-if show")
	var got []string
	for _, c := range newCommand().Commands() {
		if c.Annotations[writes] == "" {
			got = append(got, c.Name())
		}
	}
	if d := cmp.Diff(shows, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestEveryCommandExplainsItself: short text, and an example unless there is
// nothing to show.
func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range newCommand().Commands() {
		if c.Short == "" || c.RunE == nil {
			t.Errorf("%s: %q", c.Name(), c.Short)
		}
		if c.Example == "" && c.Name() != "dump-dps" && c.Name() != "cache-get-size" {
			t.Errorf("%s has no example", c.Name())
		}
	}
}

func TestTimeout(t *testing.T) {
	o := &options{timeout: 1}
	root := &cobra.Command{Use: "tool", PersistentPreRunE: o.begin}
	root.AddCommand(&cobra.Command{Use: "wait", RunE: func(cmd *cobra.Command, _ []string) error {
		<-cmd.Context().Done()
		return context.Cause(cmd.Context())
	}})
	var errs bytes.Buffer
	status := cli.Run(t.Context(), root, []string{"wait"}, cli.Streams{Out: &bytes.Buffer{}, Err: &errs})
	if status != cli.ExitFailed || !strings.Contains(errs.String(), "given up: not done after 1s (--timeout)") {
		t.Errorf("status %d, %s", status, &errs)
	}
}

// TestHolder: little output is kept back, much of it is not.
func TestHolder(t *testing.T) {
	var out bytes.Buffer
	h := &holder{w: &out}
	if _, err := h.Write([]byte("x")); err != nil || out.Len() > 0 || h.gone {
		t.Errorf("%v, %d bytes written", err, out.Len())
	}
	big := make([]byte, holdSize)
	if _, err := h.Write(big); err != nil || out.Len() != holdSize+1 || !h.gone {
		t.Errorf("%v, %d bytes written", err, out.Len())
	}
	if _, err := h.Write([]byte("y")); err != nil || out.Len() != holdSize+2 {
		t.Errorf("%v, %d bytes written", err, out.Len())
	}
	failing := &holder{w: brokenWriter{}}
	_, _ = failing.Write([]byte("x"))
	if err := failing.release(); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// TestInterruptedDump: it is started over, and reported when it is interrupted
// each time or cannot be started over any more.
func TestInterruptedDump(t *testing.T) {
	for _, tt := range []struct {
		name        string
		interrupted int // times
		size        int // of the output
		tries       int
		fails       bool
	}{
		{"never", 0, 5, 1, false},
		{"twice", 2, 5, 3, false},
		{"each time", 99, 5, dumpTries, true},
		{"once, with much output", 1, holdSize + 5, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			tries := 0
			err := dumpTo(&out, func(w io.Writer) error {
				tries++
				if _, err := w.Write(make([]byte, tt.size)); err != nil {
					return err
				}
				if tries <= tt.interrupted {
					return fmt.Errorf("dump: %w", ovs.ErrInterrupted)
				}
				return nil
			})
			if tries != tt.tries || errors.Is(err, ovs.ErrInterrupted) != tt.fails || out.Len() != tt.size {
				t.Errorf("%d tries, %v, %d bytes", tries, err, out.Len())
			}
		})
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
