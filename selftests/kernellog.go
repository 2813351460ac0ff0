// SPDX-License-Identifier: Apache-2.0

package selftests

import (
	"strconv"
	"strings"

	"github.com/dpscope/dpscope/selftests/ktap"
)

// KernelLog gives what the kernel has logged since it was last asked.
type KernelLog interface {
	// Next returns the new messages, oldest first. The error tells that some
	// may be missing.
	Next() ([]string, error)
}

// alarms are parts of kernel messages that tell of a bug, whatever the test
// itself says.
var alarms = []string{
	"WARNING: ",
	"BUG: ",
	"kernel BUG at",
	"Oops",
	"RIP: ",
	"Call Trace:",
	"refcount_t:",
	"suspicious RCU",
	"general protection fault",
	"scheduling while atomic",
	"sleeping function called from invalid context",
	"possible circular locking",
	"rcu: INFO: rcu_",
	"blocked for more than",
	"KASAN:", "KCSAN:", "KMSAN:", "UBSAN:", "KFENCE:",
	"kmemleak: ",
	"unregister_netdevice: waiting for",
	"Kernel panic",
}

// Alarming picks the messages that tell of a kernel bug.
func Alarming(messages []string) []string {
	var out []string
	for _, m := range messages {
		for _, a := range alarms {
			if strings.Contains(m, a) {
				out = append(out, m)
				break
			}
		}
	}
	return out
}

// ParseKmsg reads one record of /dev/kmsg ("priority,sequence,time,flags;text"
// and continuation lines that start with a space). ok is false for records
// that are not the kernel's own: user space may write there, too.
func ParseKmsg(record string) (text string, ok bool) {
	head, text, found := strings.Cut(record, ";")
	if !found {
		return "", false
	}
	prio, _, _ := strings.Cut(head, ",")
	n, err := strconv.ParseUint(prio, 10, 32)
	if err != nil || n>>3 != 0 { // LOG_KERN is facility 0
		return "", false
	}
	text, _, _ = strings.Cut(text, "\n")
	return text, true
}

// logWatch judges cases by what was logged meanwhile.
type logWatch struct{ log KernelLog }

// watchLog skips what was logged before the first case.
func (r *Runner) watchLog(k *ktap.Writer) *logWatch {
	if r.Log == nil {
		return nil
	}
	if _, err := r.Log.Next(); err != nil {
		k.Note("kernel log: " + err.Error())
	}
	return &logWatch{log: r.Log}
}

func (l *logWatch) check(o *ktap.Outcome) {
	if l == nil {
		return
	}
	lines, err := l.log.Next()
	if err != nil {
		o.Lines = append(o.Lines, "kernel log: "+err.Error())
	}
	for _, a := range Alarming(lines) {
		o.Failf("kernel log: %s", a)
	}
	if o.Status != ktap.Failed {
		return
	}
	// The neighbourhood of a failure often explains it.
	const most = 40
	if n := len(lines); n > most {
		lines = lines[n-most:]
	}
	for _, m := range lines {
		if len(Alarming([]string{m})) == 0 {
			o.Lines = append(o.Lines, "kernel said: "+m)
		}
	}
}
