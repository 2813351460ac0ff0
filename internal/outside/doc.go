// SPDX-License-Identifier: Apache-2.0

// Package outside has a test that packages meant for other programs can be used
// by them: it builds one, as a module of its own.
package outside
