// SPDX-License-Identifier: Apache-2.0

package sampling

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dpscope/dpscope/selftests/proc"
	"github.com/dpscope/dpscope/selftests/vswitch"
)

// patience bounds waits that only a hang prolongs.
const patience = 30 * time.Second

// sample is a record of psample-listen -j. Pointers tell 0 from absent.
type sample struct {
	Type              string   `json:"type"`
	Group             *uint32  `json:"group"`
	Seq               *uint32  `json:"seq"`
	Rate              *uint32  `json:"rate"`
	RateIsProbability bool     `json:"rate_is_probability"`
	Probability       *float64 `json:"probability"`
	IIf               string   `json:"iif"`
	OrigSize          int      `json:"orig_size"`
	Cookie            string   `json:"cookie"`
	Meaning           struct {
		Decoder string  `json:"decoder"`
		Guess   bool    `json:"guess"`
		Domain  *uint32 `json:"obs_domain_id"`
		Point   *uint32 `json:"obs_point_id"`
	} `json:"cookie_decoded"`
	Packet struct {
		Src       string `json:"src"`
		Dst       string `json:"dst"`
		Truncated bool   `json:"truncated"`
	} `json:"packet"`
	Data string `json:"data"`
}

// icmpSeq reads the sequence number of an echo request or reply: it tells the
// packets of a ping apart.
func (s sample) icmpSeq() (int, error) {
	const at = vswitch.PingSeq
	b, err := hex.DecodeString(s.Data)
	if err == nil && len(b) < at+2 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, fmt.Errorf("data of a sample %q: %w", s.Data, err)
	}
	return int(b[at])<<8 | int(b[at+1]), nil
}

// listener is a running psample-listen.
type listener struct{ p *proc.Proc }

// listen starts psample-listen and returns when it listens.
func listen(t *testing.T, args ...string) *listener {
	t.Helper()
	p, err := proc.Start(proc.Options{}, append([]string{"psample-listen", "-j", "--cookie-format", "ovs", "--strict"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.WaitStderr(ctx, "psample-listen: ready: listening to "); err != nil {
		t.Fatal(err)
	}
	return &listener{p}
}

var summaryLine = regexp.MustCompile(`(?m)^psample-listen: (\d+) samples printed, (\d+) received, (\d+) of other groups; lost 0 \(receive buffer full 0, vanished in the kernel 0, malformed 0\)$`)

// stop ends the listener as a user would and gives what it printed, and how
// many samples of other groups it passed over. Samples are made before their
// packet goes on: all of a ping that was answered are there.
func (l *listener) stop(t *testing.T) (samples []sample, others int) {
	t.Helper()
	if err := l.p.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if status, err := l.p.WaitEnd(ctx); status != 0 || err != nil {
		t.Fatalf("psample-listen: exit status %d, %v: %s", status, err, l.p.Stderr())
	}
	for line := range strings.Lines(l.p.Stdout()) {
		var s sample
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("psample-listen: %v in %q", err, line)
		}
		if s.Type != "sample" || s.Group == nil || s.Rate == nil || s.Probability == nil || s.Meaning.Domain == nil || s.Meaning.Point == nil {
			t.Fatalf("not a sample of Open vSwitch: %s", line)
		}
		samples = append(samples, s)
	}
	m := summaryLine.FindStringSubmatch(l.p.Stderr())
	if m == nil {
		t.Fatalf("psample-listen sums up otherwise: %s", l.p.Stderr())
	}
	others, _ = strconv.Atoi(m[3])
	if m[1] != strconv.Itoa(len(samples)) || m[2] != strconv.Itoa(len(samples)+others) {
		t.Errorf("psample-listen printed %d samples and sums up: %s", len(samples), m[0])
	}
	return samples, others
}
