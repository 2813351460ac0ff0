// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
)

// refusal is an error of our own that stands for an errno: callers test for
// the errno, people read the text.
type refusal struct {
	errno syscall.Errno
	text  string
}

func refusef(errno syscall.Errno, format string, args ...any) error {
	return &refusal{errno: errno, text: fmt.Sprintf(format, args...)}
}

// Error is the text alone.
func (r *refusal) Error() string { return r.text }

// Unwrap gives the errno.
func (r *refusal) Unwrap() error { return r.errno }

// both is an error and what went wrong while undoing it, on one line.
func both(err, undo error) error {
	if undo == nil {
		return err
	}
	return fmt.Errorf("%w; %w", err, undo)
}

// stage is which part of an operation the kernel answered.
type stage int

const (
	stageQdisc stage = iota
	stageFilter
)

// explain turns what go-tc returned into an error in this project's form: the
// errno at its core, the kernel's text, and the missing module where that is
// the cause. It returns nil for nil.
func explain(op, object string, at stage, err error) error {
	if err == nil {
		return nil
	}
	var (
		errno syscall.Errno
		oe    *netlink.OpError
		msg   string
	)
	if errors.As(err, &oe) {
		msg = strings.TrimSuffix(oe.Message, ".")
	}
	switch {
	case !errors.As(err, &errno):
		return &nl.Error{Op: op, Object: object, Err: err}
	}
	if feature, hint, ok := missing(at, errno, msg); ok {
		cause := error(errno)
		if msg != "" {
			cause = fmt.Errorf("%w: %s", errno, msg)
		}
		return &nl.UnsupportedError{Feature: fmt.Sprintf("%s %s: %s", op, object, feature), Hint: hint, Err: cause}
	}
	return &nl.Error{Op: op, Object: object, Err: errno, Msg: msg, Hint: hintFor(errno)}
}

// missing tells which part of the kernel an errno says is not there. ENOENT
// means that a name was looked up in vain; the text tells which (net/sched/
// sch_api.c, cls_api.c, act_api.c). EOPNOTSUPP is the answer of a kernel built
// without the subsystem.
func missing(at stage, errno syscall.Errno, msg string) (feature, hint string, ok bool) {
	load := func(module string) string { return "load the module: modprobe " + module }
	switch {
	case errno == syscall.EOPNOTSUPP:
		return "traffic control", "the kernel needs CONFIG_NET_SCHED, CONFIG_NET_CLS and CONFIG_NET_CLS_ACT", true
	case errno != syscall.ENOENT:
		return "", "", false
	case at == stageQdisc && (msg == "" || strings.Contains(msg, "kind")):
		return `queueing discipline "clsact"`, load("sch_ingress"), true
	case at == stageFilter && strings.Contains(msg, "classifier"):
		return `classifier "matchall"`, load("cls_matchall"), true
	case at == stageFilter && strings.Contains(msg, "action"):
		return `action "sample"`, load("act_sample"), true
	case at == stageFilter && msg == "":
		return `classifier "matchall" or action "sample"`, "load the modules: modprobe -a cls_matchall act_sample", true
	}
	return "", "", false
}

func hintFor(errno syscall.Errno) string {
	switch errno {
	case syscall.ENODEV:
		return "see: ip link"
	case syscall.EEXIST:
		return "see: tc-sample list, tc filter show"
	default:
		return "" // nl.Error has one for a missing capability
	}
}
