// SPDX-License-Identifier: Apache-2.0

// Package proc runs programs beside a test: it waits until they are ready,
// signals them, waits for their end and keeps what they write. Every wait ends
// when the program does, and says what it wrote last.
package proc
