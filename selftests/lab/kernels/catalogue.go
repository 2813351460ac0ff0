// SPDX-License-Identifier: Apache-2.0

package kernels

// Default is the kernel taken when none is named.
const Default = "6.1-dpscope"

// catalogue has an entry for each kernel and VM.
var catalogue = []Kernel{
	{
		Name: "6.1-dpscope", VM: UML, Series: "6.1",
		Package: "user-mode-linux", Source: "linux-source-6.1", Patches: "6.1", Zones: true,
		Summary: "Debian 12's kernel with our patched modules",
	},
	{
		Name: "6.1", VM: UML, Series: "6.1",
		Package: "user-mode-linux",
		Summary: "Debian 12's kernel as it comes",
	},
	{
		Name: "6.12", VM: UML, Series: "6.12", Suite: "trixie",
		Package: "user-mode-linux", Source: "linux-source-6.12", Zones: true,
		Summary: "Debian 13's kernel, which has the features upstream: the reference",
	},
	{
		Name: "7.2", VM: UML, Series: "7.2", Suite: "sid", Moving: true,
		Package: "user-mode-linux", Source: "linux-source-7.2", Zones: true,
		// Several times faster than ptrace; the kernel falls back to that
		// where the host forbids it.
		Options: []string{"seccomp=auto"},
		Summary: "Debian sid's kernel, upstream's newest: it moves, so it informs",
	},
	{
		Name: "6.1-dpscope", VM: QEMU, Series: "6.1", Base: AsUML,
		Package: "linux-image-amd64", Headers: "linux-headers-amd64", Source: "linux-source-6.1", Patches: "6.1",
		Summary: "Debian 12's kernel with our patched modules",
	},
	{
		Name: "6.1", VM: QEMU, Series: "6.1", Base: AsUML,
		Package: "linux-image-amd64",
		Summary: "Debian 12's kernel as it comes",
	},
	{
		Name: "6.12", VM: QEMU, Series: "6.12", Suite: "trixie",
		Package: "linux-image-amd64",
		Summary: "Debian 13's kernel, which has the features upstream: the reference",
	},
	{
		Name: "7.2", VM: QEMU, Series: "7.2", Suite: "sid", Moving: true,
		Package: "linux-image-amd64",
		Summary: "Debian sid's kernel, upstream's newest: it moves, so it informs",
	},
	{
		Name: "6.1-newest-dpscope", VM: QEMU, Series: "6.1",
		Package: "linux-image-amd64", Headers: "linux-headers-amd64", Source: "linux-source-6.1", Patches: "6.1",
		Summary: "Debian 12's newest security update with our patched modules",
	},
	{
		Name: "6.1-newest", VM: QEMU, Series: "6.1",
		Package: "linux-image-amd64",
		Summary: "Debian 12's newest security update as it comes",
	},
	{
		Name: "6.1-copies", VM: QEMU, Series: "6.1", Base: AsUML, Hidden: true,
		Package: "linux-image-amd64", Headers: "linux-headers-amd64", Source: "linux-source-6.1", Patches: "6.1",
		Without: "net-psample-do-nothing-when-nobody-listens",
		Summary: "6.1-dpscope less the patch that spares copies nobody gets, to show what it does",
	},
}
