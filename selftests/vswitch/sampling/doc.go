// SPDX-License-Identifier: Apache-2.0

// Package sampling tests local sampling of an unmodified Open vSwitch: flows
// with OpenFlow sample actions, traffic through them, and what psample-listen
// makes of it; on a kernel without the psample action, that nothing of it
// disturbs the traffic. It also runs what docs/ovs-sampling.md tells users to
// type. It needs a lab guest with Open vSwitch 3.4 or later:
//
//	make build
//	go test -c -o bin/sampling.test ./selftests/vswitch/sampling
//	bin/dplab run --suite trixie -- sh -c 'cd selftests/vswitch/sampling && ../../../bin/sampling.test'
package sampling
