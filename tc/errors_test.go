// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
)

// answered is an error as netlink.Conn gives it for the kernel's refusal.
func answered(errno syscall.Errno, msg string) error {
	return &netlink.OpError{Op: "receive", Err: os.NewSyscallError("netlink", errno), Message: msg, Sequence: 1}
}

func TestExplain(t *testing.T) {
	for name, tt := range map[string]struct {
		at          stage
		err         error
		want        string
		is          error
		unsupported bool
	}{
		"no privilege": {
			stageQdisc, answered(syscall.EPERM, ""),
			"add x: operation not permitted (needs CAP_NET_ADMIN in the network namespace's user namespace; run as root)", syscall.EPERM, false,
		},
		"clsact missing": {
			stageQdisc, answered(syscall.ENOENT, "Specified qdisc kind is unknown."),
			`add x: queueing discipline "clsact": not supported by this kernel: no such file or directory: Specified qdisc kind is unknown (load the module: modprobe sch_ingress)`, syscall.ENOENT, true,
		},
		"clsact missing, no text": {
			stageQdisc, answered(syscall.ENOENT, ""),
			`add x: queueing discipline "clsact": not supported by this kernel: no such file or directory (load the module: modprobe sch_ingress)`, syscall.ENOENT, true,
		},
		"matchall missing": {
			stageFilter, answered(syscall.ENOENT, "TC classifier not found"),
			`add x: classifier "matchall": not supported by this kernel: no such file or directory: TC classifier not found (load the module: modprobe cls_matchall)`, syscall.ENOENT, true,
		},
		"sample missing": {
			stageFilter, answered(syscall.ENOENT, "Failed to load TC action module"),
			`add x: action "sample": not supported by this kernel: no such file or directory: Failed to load TC action module (load the module: modprobe act_sample)`, syscall.ENOENT, true,
		},
		"something missing, no text": {
			stageFilter, answered(syscall.ENOENT, ""),
			`add x: classifier "matchall" or action "sample": not supported by this kernel: no such file or directory (load the modules: modprobe -a cls_matchall act_sample)`, syscall.ENOENT, true,
		},
		"filter gone": {
			stageFilter, answered(syscall.ENOENT, "Filter with specified priority/protocol not found"),
			"add x: no such file or directory: Filter with specified priority/protocol not found", syscall.ENOENT, false,
		},
		"no traffic control": {
			stageQdisc, answered(syscall.EOPNOTSUPP, ""),
			"add x: traffic control: not supported by this kernel: operation not supported (the kernel needs CONFIG_NET_SCHED, CONFIG_NET_CLS and CONFIG_NET_CLS_ACT)", syscall.EOPNOTSUPP, true,
		},
		"rate refused": {
			stageFilter, answered(syscall.EINVAL, "invalid sample rate"),
			"add x: invalid argument: invalid sample rate", syscall.EINVAL, false,
		},
		"device gone": {
			stageQdisc, answered(syscall.ENODEV, "Cannot find device"),
			"add x: no such device: Cannot find device (see: ip link)", syscall.ENODEV, false,
		},
		"exists": {
			stageFilter, answered(syscall.EEXIST, "Filter already exists"),
			"add x: file exists: Filter already exists (see: tc-sample list, tc filter show)", syscall.EEXIST, false,
		},
		"cancelled": {
			stageFilter, context.Canceled,
			"add x: context canceled", context.Canceled, false,
		},
		"too late": {
			stageFilter, context.DeadlineExceeded,
			"add x: context deadline exceeded", context.DeadlineExceeded, false,
		},
		"no errno": {
			stageFilter, fmt.Errorf("odd"), "add x: odd", nil, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := explain("add", "x", tt.at, tt.err)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("does not match %v", tt.is)
			}
			if got := errors.Is(err, nl.ErrUnsupported); got != tt.unsupported {
				t.Errorf("unsupported: got %t", got)
			}
		})
	}
	if err := explain("add", "x", stageFilter, nil); err != nil {
		t.Errorf("nil became %v", err)
	}
}
