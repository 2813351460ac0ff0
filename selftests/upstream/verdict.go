// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"fmt"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/ktap"
)

// Exit statuses of a test: those of kselftest, and guest.sh's own.
const (
	exitOK    = 0
	exitSkip  = 4
	exitSetup = 99 // the test was not started
)

// Ended is what there is of a test after its end.
type Ended struct {
	// Exit is the test's exit status. It counts if Err is nil and TimedOut
	// false.
	Exit     int
	TimedOut bool
	// Err tells that the lab failed.
	Err error
	// Log is what the test printed, Kernel what its kernel did.
	Log, Kernel string
	Took        time.Duration
}

// judge makes an outcome of a test's end. The exit status alone is not trusted:
// the script ends with 0, too, when it has run nothing, and it calls a kernel
// without the module a skip.
func judge(t Test, e Ended) ktap.Outcome {
	o := ktap.Outcome{}
	said := verdictOf(t, e.Log)
	switch {
	case e.Err != nil:
		o.Failf("%v", e.Err)
	case e.TimedOut:
		o.Failf("time is up: still running after %.0f s", e.Took.Seconds())
	case e.Exit == exitSetup:
		o.Failf("the test could not be started")
	case e.Exit == exitSkip && said == "SKIP":
		o.Status, o.Reason = ktap.Skipped, skipReason(e.Log)
	case e.Exit != exitOK:
		o.Failf("exit status %d%s", e.Exit, saying(said))
	case said != "OK":
		o.Failf("exit status 0%s", saying(said))
	}
	for _, line := range selftests.Alarming(lines(e.Kernel)) {
		o.Failf("kernel log: %s", strings.TrimSpace(line))
	}
	return o
}

func saying(verdict string) string {
	if verdict == "" {
		return ", but the suite gave no verdict"
	}
	return fmt.Sprintf(", the suite says %s", verdict)
}

// verdictOf finds what the suite says of a test: OK, FAIL, SKIP, NOMOD or PYLIB
// in brackets behind the description.
func verdictOf(t Test, log string) string {
	verdict := ""
	for _, line := range lines(log) {
		rest, ok := strings.CutPrefix(line, "TEST: "+t.Doc)
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if inner, ok := strings.CutPrefix(rest, "["); ok && strings.HasSuffix(inner, "]") {
			verdict = strings.TrimSpace(strings.TrimSuffix(inner, "]"))
		}
	}
	return verdict
}

// skipReason is what the suite said last before it skipped.
func skipReason(log string) string {
	reason := ""
	for _, line := range lines(log) {
		if strings.HasPrefix(line, "TEST: ") {
			if strings.HasSuffix(line, "[SKIP]") {
				break
			}
			reason = ""
			continue
		}
		// What it does to clean up comes between.
		if !strings.HasPrefix(line, "run cmd: ") && line != "" {
			reason = line
		}
	}
	if reason == "" {
		return "the suite gives no reason"
	}
	return reason
}

func lines(text string) []string {
	return strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n"), "\n")
}
