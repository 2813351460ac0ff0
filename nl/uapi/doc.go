// SPDX-License-Identifier: Apache-2.0

// Package uapi holds the numbers of the kernel's user-space interface, one file
// per kernel header, under the names the kernel gives them. A test compares
// them with the headers under kmod/uapi.
package uapi
