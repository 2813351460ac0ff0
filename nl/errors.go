// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"context"
	"errors"
	"strings"
	"syscall"
)

var (
	// ErrUnsupported is what the running kernel, its modules or its
	// configuration lack. Tools end with exit status 3 on it.
	ErrUnsupported = errors.New("not supported by this kernel")

	// ErrDumpInterrupted tells that the kernel's table changed during a dump
	// (NLM_F_DUMP_INTR): entries may be missing or doubled.
	ErrDumpInterrupted = errors.New("dump interrupted: the table changed meanwhile, entries may be missing or doubled")
)

// Error is a failed netlink operation: what was tried, on what, why it failed
// and where in the request the kernel found fault.
type Error struct {
	Op     string // the operation as a user would say it: "add flow"
	Object string // what it was done to: "datapath dp0"
	Err    error  // the cause, a syscall.Errno when the kernel refused
	Msg    string // the kernel's extended-ack text, if it gave one
	Path   string // attribute path of the extended ack's offset, if it gave one
	Hint   string // what to do next
}

// Error reads `op object: cause: kernel text [path] (hint)`.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Object != "" {
		b.WriteString(" " + e.Object)
	}
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	if e.Path != "" {
		b.WriteString(" [" + e.Path + "]")
	}
	if h := e.hint(); h != "" {
		b.WriteString(" (" + h + ")")
	}
	return b.String()
}

func (e *Error) hint() string {
	if e.Hint != "" {
		return e.Hint
	}
	if errors.Is(e.Err, syscall.EPERM) {
		return "needs CAP_NET_ADMIN in the network namespace's user namespace; run as root"
	}
	return ""
}

// Unwrap gives the cause, so that errors.Is(err, syscall.EEXIST) works.
func (e *Error) Unwrap() error { return e.Err }

// endedError is the end of a context that has a cause of its own: the cause is
// what people read, and both match.
type endedError struct{ err, cause error }

func (e *endedError) Error() string   { return e.cause.Error() }
func (e *endedError) Unwrap() []error { return []error{e.err, e.cause} }

// ContextError is why ctx, which has ended, did. It matches context.Canceled or
// context.DeadlineExceeded, and the cause where the context has one, whose text
// it has then.
func ContextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return &endedError{err, cause}
}

// UnsupportedError names a feature the system lacks and where it is to be had.
// It matches ErrUnsupported.
type UnsupportedError struct {
	Feature string // "openvswitch psample action"
	Since   string // "Linux 6.11, or 6.1 with dpscope's patches"
	Hint    string // what to do next
	Err     error  // what the kernel answered, may be nil
}

// Error reads `feature: not supported by this kernel (since ...; hint)`.
func (e *UnsupportedError) Error() string {
	var b strings.Builder
	b.WriteString(e.Feature + ": " + ErrUnsupported.Error())
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	var notes []string
	if e.Since != "" {
		notes = append(notes, "needs "+e.Since)
	}
	if e.Hint != "" {
		notes = append(notes, e.Hint)
	}
	if len(notes) > 0 {
		b.WriteString(" (" + strings.Join(notes, "; ") + ")")
	}
	return b.String()
}

// Is makes errors.Is(err, ErrUnsupported) true.
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// Unwrap gives what the kernel answered.
func (e *UnsupportedError) Unwrap() error { return e.Err }
