// SPDX-License-Identifier: Apache-2.0

// Package labtest tests dplab as a user meets it: the built program, real
// guests, everything the lab promises. The tests run with DPSCOPE_LAB=1 only,
// as they build kernels on first use.
package labtest
