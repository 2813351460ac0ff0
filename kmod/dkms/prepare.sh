#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# prepare.sh RELEASE KDIR: dkms runs it in a copy of the package's directory
# before the build for a kernel. It takes the files concerned from the source of
# exactly that kernel and applies the patches; the result is ./ext. If that
# cannot be, it says why and what to do, and there is no ./ext.
set -eu
release=$1 kdir=$2
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=kmod/dkms/lib.sh
. "$top/dkms/lib.sh"
export LC_ALL=C

fail() {
	say "Linux $release keeps its own psample, act_sample and openvswitch: $1"
	shift
	for _line; do [ -z "$_line" ] || say "$_line"; done
	exit 1
}

why=$(why_not "$release" "$kdir")
if [ -n "$why" ]; then
	fail "$(echo "$why" | head -n 1)" "$(echo "$why" | tail -n +2)"
fi
version=$(debian_version "$kdir")
image=$(image_version "$release")
if [ -n "$image" ] && [ "$image" != "$version" ]; then
	fail "the kernel is version $image, its headers are $version" \
		"bring both to one version: apt-get install linux-image-$release linux-headers-$release"
fi

# An epoch's colon is nothing for a directory's name.
dir=$keep/linux-$(echo "$version" | tr : _)
if [ ! -f "$dir/complete" ]; then
	have=$(source_version)
	if [ "$have" != "$version" ]; then
		if [ -z "$have" ]; then
			why="its source, linux-source-6.1 $version, is not installed"
		else
			why="its source would be linux-source-6.1 $version, and $have is installed"
		fi
		fail "$why" "install that source, and the modules are built: apt-get install linux-source-6.1=$version" \
			"or, for the newest kernel: apt-get update && apt-get install linux-source-6.1 linux-image-${release##*[0-9]-} linux-headers-${release##*[0-9]-}"
	fi
	say "taking the files concerned from linux-source-6.1 $version"
	rm -rf "$dir" "$dir".part.*
	part=$dir.part.$$
	trap 'rm -rf "$part"' EXIT
	trap 'exit 1' HUP INT TERM
	mkdir -p "$part" || fail "$part cannot be created"
	# The list is that of make_base in scripts/lib.sh, which finds it out if
	# something is missing. The archive has one directory on top.
	tar -C "$part" --no-same-owner --strip-components=1 --wildcards --no-wildcards-match-slash -xJf "$tarball" \
		'*/Makefile' '*/net/psample' '*/net/openvswitch' '*/net/sched/act_sample.c' '*/include/net/psample.h' \
		'*/include/net/tc_act/tc_sample.h' '*/include/uapi/linux/psample.h' '*/include/uapi/linux/openvswitch.h' \
		'*/include/uapi/linux/tc_act/tc_sample.h' ||
		fail "$tarball cannot be unpacked (the reason is above)" "install it again: apt-get install --reinstall linux-source-6.1=$version"
	: >"$part/complete"
	mv "$part" "$dir"
	trap - EXIT
fi

rm -rf ext
if ! out=$(make --no-print-directory -C "$top" ext SRC="$dir" EXT="$PWD/ext" 2>&1); then
	echo "$out"
	rm -rf ext
	reason=$(echo "$out" | sed -n 's/^kmod: //p' | tail -n 1)
	fail "${reason:-the patches do not apply to its source $version}" \
		"the kernel is newer than this package knows: look for a newer dpscope-dkms"
fi
echo "$out" | sed -n 's/^kmod: /dpscope-dkms: /p'
sh scripts/same-base.sh "$kdir" "$PWD/ext" || { rm -rf ext; fail "its headers do not belong to its source $version (the reason is above)"; }
echo "$version" >ext/VERSION
