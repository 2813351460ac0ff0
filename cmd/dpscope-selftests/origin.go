// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/matrix"
)

// onHost is the VM of a kernel that is not the lab's.
const onHost = "host"

// origin tells reports of this run from others. Outside the lab a kernel goes
// by its release.
func origin() matrix.Origin {
	var o matrix.Origin
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		o.Release = unix.ByteSliceToString(u.Release[:])
	}
	o.CPUs = strconv.Itoa(runtime.NumCPU())
	if b, err := os.ReadFile("/proc/version"); err == nil {
		o.Compiler = matrix.ParseCompiler(string(b))
	}
	if o.Kernel = os.Getenv(lab.EnvKernel); o.Kernel != "" {
		o.VM = cmp.Or(os.Getenv(lab.EnvVM), string(kernels.UML))
		return o
	}
	o.Kernel, o.VM = o.Release, onHost
	return o
}
