// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/dpscope/dpscope/nl"
)

// Exit statuses of every dpscope command.
const (
	ExitOK           = 0 // done
	ExitFailed       = 1 // failed at run time; missing permission too
	ExitUsage        = 2 // the command line cannot be taken
	ExitUnsupported  = 3 // the kernel, a module or a daemon lacks what is needed
	ExitSkip         = 4 // selftests only: nothing could be tested
	ExitInconclusive = 5 // --strict: data was lost or something was assumed
)

// Error is an error with an exit status of its own. Quiet errors print
// nothing: the command has said everything already.
type Error struct {
	Code  int
	Err   error
	Quiet bool
}

// Error is the cause's text.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Usagef reports a command line that cannot be taken (exit status 2).
func Usagef(format string, args ...any) error {
	return &Error{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// Exit ends a command with a status and no message.
func Exit(code int) error { return &Error{Code: code, Quiet: true} }

// Status is the exit status an error stands for. A closed pipe on stdout is
// no failure: the reader has had enough.
func Status(err error) int {
	var e *Error
	switch {
	case err == nil || errors.Is(err, syscall.EPIPE):
		return ExitOK
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, nl.ErrUnsupported):
		return ExitUnsupported
	default:
		return ExitFailed
	}
}

// quiet tells whether an error is to be printed.
func quiet(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Quiet || errors.Is(err, syscall.EPIPE)
}

// Interrupted tells that the command ended because the user asked it to.
func Interrupted(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errSignal) }
