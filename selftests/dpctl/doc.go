// SPDX-License-Identifier: Apache-2.0

// Package dpctl holds ovs-dpctl against Open vSwitch's own ovs-dpctl, on one
// datapath in a lab guest: what both have, both must say and do alike. It also
// records what the tools send to the kernel, and what they do beside a running
// ovs-vswitchd. .ci/test-dpctl runs it.
package dpctl
