// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"fmt"
	"strings"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// Descriptors of the kernel's process beyond its console on 1 and 2.
const (
	fdDoorbell = 3 + iota
	fdStdout
	fdStderr
	fdReport
)

// commandLine gives the arguments of user-mode Linux. Paths must not hold
// white space or quotes: see plainPath.
func commandLine(memory int64, runDir, init string, verbose bool) []string {
	level := "loglevel=4"
	if verbose {
		level = "loglevel=7"
	}
	return []string{
		fmt.Sprintf("mem=%dM", memory>>20),
		"rootfstype=hostfs", "rootflags=/", "ro",
		// The guest's own /dev would hide an init that lies in /dev/shm.
		"devtmpfs.mount=0",
		"init=" + init,
		wire.EnvRun + "=" + runDir,
		// Without these the kernel writes below $HOME and panics where it
		// cannot.
		"uml_dir=" + runDir + "/", "umid=uml",
		"con=null", "con0=null,fd:1", level,
		// Each line has one direction: a hang-up of the host's end of one
		// would break the other.
		fmt.Sprintf("ssl0=fd:%d,null", fdDoorbell),
		fmt.Sprintf("ssl1=null,fd:%d", fdStdout),
		fmt.Sprintf("ssl2=null,fd:%d", fdStderr),
		fmt.Sprintf("ssl3=null,fd:%d", fdReport),
		// Timing RAID-6 parity routines takes most of the boot otherwise; only
		// btrfs in a RAID mode would use the result.
		"initcall_blacklist=raid6_select_algo",
		"random.trust_cpu=on",
	}
}

// plainPath tells whether a path can stand on a kernel command line.
func plainPath(path string) bool {
	return path != "" && path[0] == '/' && strings.Trim(path,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-@~") == ""
}
