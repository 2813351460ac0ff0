// SPDX-License-Identifier: Apache-2.0

// Package modmix tests our kernel modules beside the kernel's own: every
// mixture of the two, loaded in every order, and the drivers that use psample
// and openvswitch. It loads and unloads modules, as root inside a lab guest
// whose module tree has both:
//
//	make build
//	go test -c -o bin/modmix.test ./selftests/modmix
//	bin/dplab run --kernel 6.1-dpscope -- bin/modmix.test -test.v
package modmix
