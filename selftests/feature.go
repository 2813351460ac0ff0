// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// Feature names something a kernel may lack.
type Feature string

// Probe is one way to find out whether a feature is there. An error means that
// it could not be found out, which is neither yes nor no.
type Probe struct {
	Name string
	Has  func(ctx context.Context) (bool, error)
}

// FeatureProbes tells how to find out about a feature.
type FeatureProbes struct {
	Feature Feature
	// Since says where the feature is to be had; it becomes the reason of a
	// skip.
	Since string
	// Optional tells that it depends on how the kernel was built for the
	// machine and not on its release whether it has the feature: NoSkip lets
	// its lack pass.
	Optional bool
	// Probes must agree. Two that share no code are what makes a skip
	// trustworthy: one broken probe alone cannot switch a test off.
	Probes []Probe
}

// Features answers which features the running kernel has. Each is probed once,
// when it is first asked for.
type Features struct {
	mu    sync.Mutex
	known map[Feature]FeatureProbes
	cache map[Feature]verdict
}

type verdict struct {
	has bool
	err error
}

// NewFeatures makes a set of features from their probes.
func NewFeatures(probes []FeatureProbes) *Features {
	f := &Features{known: map[Feature]FeatureProbes{}, cache: map[Feature]verdict{}}
	for _, p := range probes {
		f.known[p.Feature] = p
	}
	return f
}

// Has tells whether the kernel has a feature. The error tells that it is not
// known, that a probe failed, or that the probes contradict each other.
func (f *Features) Has(ctx context.Context, name Feature) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.cache[name]; ok {
		return v.has, v.err
	}
	p, ok := f.known[name]
	if !ok || len(p.Probes) == 0 {
		return false, fmt.Errorf("feature %s: there is no probe for it", name)
	}
	has, err := p.ask(ctx)
	if ctx.Err() == nil {
		// What an interruption cut short is no answer to keep.
		f.cache[name] = verdict{has, err}
	}
	return has, err
}

// Since says where a feature is to be had.
func (f *Features) Since(name Feature) string { return f.known[name].Since }

// optional tells whether a feature may be lacking on any kernel.
func (f *Features) optional(name Feature) bool { return f.known[name].Optional }

// ask runs every probe, also after one has answered: the others are its check.
func (p FeatureProbes) ask(ctx context.Context) (bool, error) {
	var yes, no []string
	for _, probe := range p.Probes {
		has, err := probe.Has(ctx)
		switch {
		case err != nil:
			return false, fmt.Errorf("feature %s: probe %q failed: %w", p.Feature, probe.Name, err)
		case has:
			yes = append(yes, probe.Name)
		default:
			no = append(no, probe.Name)
		}
	}
	if len(yes) > 0 && len(no) > 0 {
		return false, fmt.Errorf("feature %s: probes disagree: present says %s, absent says %s",
			p.Feature, strings.Join(yes, ", "), strings.Join(no, ", "))
	}
	return len(yes) > 0, nil
}
