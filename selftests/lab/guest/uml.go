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

// umlConfig tells the guard how to start a user-mode kernel.
func umlConfig(o *Options, dir string, cpu int) (guardConfig, error) {
	init, err := initPath(o.Helper, dir)
	if err != nil {
		return guardConfig{}, err
	}
	args := append([]string{"linux.uml"}, commandLine(o.Memory, dir, init, o.Console != nil)...)
	cfg := guardConfig{
		Program: o.Linux, Args: append(args, o.Args...), CPU: cpu,
		// The kernel puts its memory file into TMPDIR.
		Env: []string{"TMPDIR=" + dir, "HOME=" + dir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		// The kernel adds the random gap between its program and its heap, up to
		// a gigabyte on newer hosts, to the memory it was told to have.
		Fixed: true,
	}
	if o.Libraries != "" {
		cfg.Env = append(cfg.Env, "LD_LIBRARY_PATH="+o.Libraries)
	}
	return cfg, nil
}

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
		wire.EnvRun + "=" + runDir, wire.EnvVM + "=" + wire.VMUML,
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
