// SPDX-License-Identifier: Apache-2.0

// Package psample reads the packet samples that the kernel's psample module
// multicasts: those of tc's sample action, of Open vSwitch's psample action and
// of switch drivers.
//
// Listen opens a Listener; its Next and Samples hand out one Sample at a time
// without allocating. A Sample's byte slices alias the receive buffer and are
// valid until the next call; Clone gives a copy that lasts.
//
// What was lost is told in the stream, at the place where it was noticed: the
// error of a step is then a Notice (a *LossError, *MalformedError or
// *ModuleError), after which reading goes on. Every other error ends the
// stream.
//
//	for s, err := range l.Samples(ctx) {
//		var n psample.Notice
//		switch {
//		case errors.As(err, &n):
//			log.Print(n) // samples are missing here
//		case err != nil:
//			return err
//		default:
//			use(s)
//		}
//	}
//
// Sample, Decode and the accounting are pure and build on any system; the
// Listener is Linux only.
package psample
