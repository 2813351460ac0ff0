// SPDX-License-Identifier: Apache-2.0

package sampling

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/ovs/odp"
)

// dpFlow is what Open vSwitch's dump of a flow and ours must agree on.
type dpFlow struct {
	Packets string
	// Psamples are the psample actions in their order, each with the share of
	// its sample action if it is in one: "50.0% group=12 cookie=…".
	Psamples []string
}

var (
	ufidField    = regexp.MustCompile(`^ufid:([0-9a-f-]+), `)
	packetsField = regexp.MustCompile(`, packets:([0-9]+),`)
	// Where Open vSwitch samples it puts psample first into the sample action.
	psampleText = regexp.MustCompile(`(?:sample\(sample=([0-9.]+%),actions\()?psample\(group=([0-9]+),cookie=(?:0x)?([0-9a-f]+)\)`)
)

// theirFlows reads Open vSwitch's dump.
func theirFlows(t *testing.T, lines []string) map[string]dpFlow {
	t.Helper()
	flows := map[string]dpFlow{}
	for _, line := range lines {
		ufid, packets := ufidField.FindStringSubmatch(line), packetsField.FindStringSubmatch(line)
		if ufid == nil || packets == nil {
			t.Fatalf("flow without id or counter: %s", line)
		}
		f := dpFlow{Packets: packets[1]}
		for _, m := range psampleText.FindAllStringSubmatch(line, -1) {
			// They print the cookie as a number.
			f.Psamples = append(f.Psamples, psampleForm(m[1], m[2], strings.Repeat("0", max(0, 16-len(m[3])))+m[3]))
		}
		flows[ufid[1]] = f
	}
	return flows
}

func psampleForm(share, group, cookie string) string {
	return strings.TrimSpace(fmt.Sprintf("%s group=%s cookie=%s", share, group, cookie))
}

// ourFlows runs our ovs-dpctl.
func ourFlows(t *testing.T) map[string]dpFlow {
	t.Helper()
	cmd := exec.Command("ovs-dpctl", "dump-flows", "-j", "ovs-system")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	var list struct {
		Schema string
		Items  []struct {
			UFID    odp.UFID
			Packets json.Number
			Actions odp.Actions
		}
	}
	if err := json.Unmarshal(out, &list); err != nil || list.Schema != "ovs-flows/1" {
		t.Fatalf("%v: schema %q, %v: is it dpscope's?", cmd.Args, list.Schema, err)
	}
	flows := map[string]dpFlow{}
	for _, it := range list.Items {
		flows[it.UFID.String()] = dpFlow{Packets: it.Packets.String(), Psamples: psamples(it.Actions, "")}
	}
	return flows
}

func psamples(actions odp.Actions, share string) []string {
	var out []string
	for _, a := range actions {
		switch a := a.(type) {
		case odp.Psample:
			out = append(out, psampleForm(share, fmt.Sprint(a.Group), hex.EncodeToString(a.Cookie)))
		case odp.Sample:
			out = append(out, psamples(a.Actions, fmt.Sprintf("%.1f%%", 100*float64(a.Probability)/0xffffffff))...)
		}
	}
	return out
}

// sameFlows compares the two dumps of the datapath as it is now, and gives how
// many psample actions there are.
func sameFlows(t *testing.T, theirs []string) int {
	t.Helper()
	want, got := theirFlows(t, theirs), ourFlows(t)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Open vSwitch's dump of the datapath (-) and ours (+):\n%s", d)
	}
	n := 0
	for _, f := range got {
		n += len(f.Psamples)
	}
	return n
}
