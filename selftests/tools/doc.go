// SPDX-License-Identifier: Apache-2.0

// Package tools tests the shipped binaries as a user meets them: scripts under
// testdata run the commands on a real kernel and check output, exit status and
// that nothing is left behind. They run as root inside a lab guest:
//
//	make build
//	go test -c -o bin/tools.test ./selftests/tools
//	bin/dplab run --kernel 6.1-dpscope -- sh -c 'cd selftests/tools && ../../bin/tools.test'
package tools
