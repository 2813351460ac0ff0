// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Bridge is a bridge of a switch.
type Bridge struct {
	Name string
	s    *Switch
}

// AddBridge makes a bridge without flows and without a controller, with these
// columns of its record set ("other_config:hwaddr=…"). What matches no flow is
// dropped, unless fail_mode=standalone is among them.
func (s *Switch) AddBridge(ctx context.Context, name string, columns ...string) (*Bridge, error) {
	args := append([]string{"add-br", name, "--", "set", "Bridge", name, "fail_mode=secure"}, columns...)
	if _, err := s.Vsctl(ctx, args...); err != nil {
		return nil, err
	}
	return &Bridge{Name: name, s: s}, nil
}

// Delete removes the bridge with its ports; their devices stay.
func (b *Bridge) Delete(ctx context.Context) error {
	_, err := b.s.Vsctl(ctx, "del-br", b.Name)
	return err
}

// AddPort makes a port of a device, with these columns of its Interface record
// set, and gives its OpenFlow port number.
func (b *Bridge) AddPort(ctx context.Context, device string, columns ...string) (int, error) {
	args := []string{"add-port", b.Name, device}
	if len(columns) > 0 {
		args = append(append(args, "--", "set", "Interface", device), columns...)
	}
	if _, err := b.s.Vsctl(ctx, args...); err != nil {
		return 0, err
	}
	text, err := b.s.Vsctl(ctx, "get", "Interface", device, "ofport")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("add port %s to bridge %s: ovs-vswitchd gave it no number: %q", device, b.Name, strings.TrimSpace(text))
	}
	return n, nil
}

// SetFlows makes these the bridge's only OpenFlow flows. The next packet meets
// them: the datapath's flows, made from the ones before, are gone.
func (b *Bridge) SetFlows(ctx context.Context, flows ...string) error {
	lines := []string{"delete"}
	for _, f := range flows {
		lines = append(lines, "add "+f)
	}
	_, err := b.s.run(ctx, strings.Join(lines, "\n")+"\n", "ovs-ofctl", "--bundle", "add-flows", b.Name, "-")
	if err != nil {
		return err
	}
	_, err = b.s.Appctl(ctx, "revalidator/purge")
	return err
}

// Flows dumps the OpenFlow flows, one text each.
func (b *Bridge) Flows(ctx context.Context) ([]string, error) {
	text, err := b.s.Ofctl(ctx, "--no-names", "dump-flows", b.Name)
	var flows []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.Contains(line, "actions=") {
			flows = append(flows, line)
		}
	}
	return flows, err
}

// Features are what ovs-vswitchd found that the datapath can do when it started,
// by the names of dpif/show-dp-features: "psample action": "Yes".
func (b *Bridge) Features(ctx context.Context) (map[string]string, error) {
	text, err := b.s.Appctl(ctx, "dpif/show-dp-features", b.Name)
	features := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			features[name] = value
		}
	}
	return features, err
}

// SetFeature makes ovs-vswitchd believe that the datapath can or cannot do
// something, by the short names of dpif/set-dp-features ("trunc", "psample").
// Features does not show it.
func (b *Bridge) SetFeature(ctx context.Context, name string, can bool) error {
	text, err := b.s.Appctl(ctx, "dpif/set-dp-features", b.Name, name, strconv.FormatBool(can))
	// It succeeds whatever it was told, and complains in its output.
	if text = strings.TrimSpace(text); err == nil && text != "" {
		err = fmt.Errorf("set feature %s of the datapath of bridge %s: %s", name, b.Name, text)
	}
	return err
}

// DatapathFlows dumps the flows of the kernel's datapath by way of
// ovs-vswitchd, one text each, with their ids and with ports by name.
func (s *Switch) DatapathFlows(ctx context.Context) ([]string, error) {
	text, err := s.Appctl(ctx, "dpctl/dump-flows", "-m", "system@"+kernelDatapath)
	return splitFlows(text), err
}

// splitFlows takes the lines of a dump that are flows.
func splitFlows(text string) []string {
	var flows []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.Contains(line, ", actions:") {
			flows = append(flows, line)
		}
	}
	return flows
}
