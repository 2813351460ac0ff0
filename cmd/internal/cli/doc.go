// SPDX-License-Identifier: Apache-2.0

// Package cli is what all dpscope commands share: exit statuses, streams,
// signals, the network-namespace flag and JSON framing. A command is a cobra
// tree whose RunE functions return errors; Run turns the outcome into one line
// on stderr and an exit status.
package cli
