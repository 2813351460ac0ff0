#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# update.sh [--no-initramfs] [RELEASE...]: builds and installs our modules for
# these kernels, for all installed ones without any. Modules that were built from
# another version of a kernel's source are built anew or taken away. What cannot
# be built is reported, the kernel keeps its own modules then, and the status is
# 0: a kernel's installation must not fail for it. Status 1 is for root missing
# and the like.
set -eu
# shellcheck source=kmod/dkms/lib.sh
. /usr/lib/dpscope-dkms/lib.sh
export LC_ALL=C
version=@VERSION@
initramfs=yes
if [ "${1-}" = --no-initramfs ]; then
	initramfs=no
	shift
fi

if [ -e /etc/dkms/no-autoinstall ]; then
	say "/etc/dkms/no-autoinstall is there: nothing is built"
	exit 0
fi
[ -e "/var/lib/dkms/dpscope/$version/source" ] || [ -d "/usr/src/dpscope-$version" ] || exit 0

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# state RELEASE: what dkms thinks of our modules for that kernel.
state() { dkms status -m dpscope -v "$version" -k "$1" 2>/dev/null; }

# built_from RELEASE: the version of the source they were made of.
built_from() {
	cat "/var/lib/dkms/dpscope/$version/$1"/*/log/make.log 2>/dev/null |
		sed -n 's/^dpscope-dkms: built from Debian source //p' | tail -n 1
}

# away RELEASE: takes the modules away, so that the kernel's own are used.
away() {
	dkms remove "dpscope/$version" -k "$1" >>"$tmp/log" 2>&1 || true
	changed=yes
}

# install RELEASE: what dkms says goes to a log, of which the reasons are shown.
install() {
	: >"$tmp/log"
	# dkms forgets a module that was removed for its last kernel.
	if [ ! -e "/var/lib/dkms/dpscope/$version/source" ]; then
		dkms add "dpscope/$version" >>"$tmp/log" 2>&1 || return
	fi
	rm -rf "/var/lib/dkms/dpscope/$version/build"
	dkms install "dpscope/$version" -k "$1" >>"$tmp/log" 2>&1 </dev/null
}

# is_installed RELEASE VERSION: our modules are, and made of that version.
is_installed() {
	case $(state "$1") in
	*WARNING*) return 1 ;;
	*installed*) [ "$(built_from "$1")" = "$2" ] ;;
	*) return 1 ;;
	esac
}

one() {
	release=$1 changed=no
	series=$(series_of "$release")
	case $series in
	6.1) ;;
	'')
		say "Linux $release: not a kernel's release: nothing is built"
		return
		;;
	*)
		if has_it_all "$series"; then
			say "Linux $release has everything the patches add: nothing is to be built"
		else
			say "Linux $release keeps its own modules: there are patches for Linux 6.1 only"
		fi
		return
		;;
	esac
	kdir=/lib/modules/$release/build
	status=$(state "$release")
	case $status in
	*WARNING*)
		say "Linux $release: modules were changed after their installation: building them anew"
		away "$release"
		status=
		;;
	*installed*)
		want=$(debian_version "$kdir" 2>/dev/null || true)
		have=$(built_from "$release")
		if [ -z "$want" ] || [ "$want" = "$have" ]; then
			say "Linux $release: our psample, act_sample and openvswitch are installed already (source $have)"
			return
		fi
		say "Linux $release: the kernel is $want now, our modules are of $have: building them anew"
		away "$release"
		status=
		;;
	*built*) away "$release" ;;
	esac
	# dkms would only say that the kernel does not match.
	why=$(why_not "$release" "$kdir")
	if [ -n "$why" ]; then
		say "Linux $release keeps its own modules: $(echo "$why" | head -n 1)"
		echo "$why" | tail -n +2 | while read -r line; do say "$line"; done
	elif install "$release" && is_installed "$release" "$(debian_version "$kdir")"; then
		changed=yes
		say "Linux $release: our psample, act_sample and openvswitch are installed (source $(built_from "$release"))"
	else
		log=/var/lib/dkms/dpscope/$version/build/make.log
		cat "$tmp/log" "$log" 2>/dev/null | sed -n '/^dpscope-dkms: /p' | awk '!seen[$0]++' >"$tmp/said"
		if [ -s "$tmp/said" ]; then
			grep -v '^dpscope-dkms: \(source files\|built from\)' "$tmp/said" || true
		else
			say "Linux $release keeps its own modules: dkms failed:"
			tail -n 20 "$tmp/log"
		fi
		say "details are in $log; to try again: /usr/lib/dpscope-dkms/update.sh $release"
	fi
	if [ "$changed" = yes ] && [ "$initramfs" = yes ]; then
		refresh_initramfs "$release"
	fi
}

# Sources of kernels that are gone are not wanted any more.
collect() {
	for dir in "$keep"/linux-*; do
		[ -d "$dir" ] || continue
		used=no
		for kdir in /lib/modules/*/build; do
			[ "linux-$(debian_version "$kdir" | tr : _)" != "${dir##*/}" ] || used=yes
		done
		[ "$used" = yes ] || rm -rf "$dir"
	done
}

if [ $# = 0 ]; then
	for dir in /lib/modules/*/; do
		[ -d "$dir" ] || continue
		dir=${dir%/}
		set -- "$@" "${dir##*/}"
	done
fi
[ "$(id -u)" = 0 ] || { say "must be run as root" >&2; exit 1; }
for release; do one "$release"; done
collect
