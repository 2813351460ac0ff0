# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
# Shared by the scripts of the DKMS layout; sourced, never run. What is said to
# the user begins with "dpscope-dkms: ", by which update.sh finds it again in
# the output of dkms and in make.log.

# Where the files that were taken out of a kernel's source are kept, so that
# they are there when the source package has moved on.
keep=/var/lib/dpscope-dkms
tarball=/usr/src/linux-source-6.1.tar.xz
boot=/boot

say() { echo "dpscope-dkms: $*"; }

# series_of RELEASE: "6.1" of "6.1.0-50-amd64", or nothing.
series_of() { echo "$1" | sed -n 's/^\([0-9][0-9]*\.[0-9][0-9]*\)\(\..*\|-.*\|\)$/\1/p'; }

# has_it_all SERIES: is that 6.11 or later?
has_it_all() {
	[ "${1%.*}" -gt 6 ] || { [ "${1%.*}" -eq 6 ] && [ "${1#*.}" -ge 11 ]; }
}

# debian_version KDIR: the version of the Debian package the kernel was built
# as, by the headers made in that build.
debian_version() {
	for _h in package.h utsversion.h compile.h; do
		[ -f "$1/include/generated/$_h" ] || continue
		_v=$(sed -n 's/^#define \(LINUX_PACKAGE_ID\|UTS_VERSION\) .*[" ]Debian \([0-9][0-9A-Za-z.+~:-]*\).*/\2/p' "$1/include/generated/$_h")
		if [ -n "$_v" ]; then
			echo "$_v"
			return
		fi
	done
}

# image_version RELEASE: the same by the kernel itself, which has it in clear
# near its beginning on x86; nothing elsewhere.
image_version() {
	[ -r "$boot/vmlinuz-$1" ] || return 0
	head -c 65536 "$boot/vmlinuz-$1" | LC_ALL=C tr -c '[:print:]' '\n' |
		sed -n 's/^[0-9][^ ]* (.*) .* Debian \([0-9][^ ]*\) (.*/\1/p' | head -n 1
}

# why_not RELEASE KDIR: why modules cannot be built for a kernel at all, and on
# further lines what to do; nothing if they might be.
why_not() {
	_series=$(series_of "$1")
	if [ ! -f "$2/.config" ]; then
		printf '%s\n' "its headers are not installed (package linux-headers-$1)"
	elif [ "$_series" != 6.1 ]; then
		echo "there are patches for Linux 6.1 only"
	elif grep -qx CONFIG_PREEMPT_RT=y "$2/.config"; then
		printf '%s\n' "it is a realtime kernel, whose source differs" "use the kernel without -rt, or one from 6.11 on"
	else
		for _o in PSAMPLE NET_ACT_SAMPLE OPENVSWITCH; do
			grep -qx "CONFIG_$_o=m" "$2/.config" && continue
			echo "it does not have CONFIG_$_o as a module, which could be replaced"
			return
		done
		[ -n "$(debian_version "$2")" ] ||
			printf '%s\n' "it is not a kernel of Debian's, so its source is not known" "build by hand, from its source: /usr/share/doc/dpscope-dkms/patches/README.md"
	fi
}

# source_version: the version of the source package that is installed.
source_version() {
	[ -f "$tarball" ] || return 0
	dpkg-query -W -f '${db:Status-Status} ${Version}\n' linux-source-6.1 2>/dev/null | sed -n 's/^installed //p'
}

# refresh_initramfs RELEASE: a psample in there is loaded before the root is
# mounted, and keeps any other out.
refresh_initramfs() {
	[ -f "$boot/initrd.img-$1" ] || return 0
	if ! command -v update-initramfs >/dev/null || ! command -v lsinitramfs >/dev/null; then
		say "Linux $1: if psample is in its initramfs, make that anew"
		return 0
	fi
	lsinitramfs "$boot/initrd.img-$1" 2>/dev/null | grep -Eq '/(psample|act_sample|openvswitch)\.ko' || return 0
	say "Linux $1: psample is in its initramfs: making that anew"
	update-initramfs -u -k "$1" || say "Linux $1: update-initramfs failed: psample in the initramfs may be another"
}
