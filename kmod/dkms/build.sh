#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# build.sh RELEASE KDIR: dkms runs it after prepare.sh, with its output in
# make.log. It compiles ./ext and proves that the modules fit the kernel's
# others; any doubt makes the build fail, and the kernel keeps its own.
set -eu
release=$1 kdir=$2
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=kmod/dkms/lib.sh
. "$top/dkms/lib.sh"
# shellcheck source=kmod/scripts/lib.sh
. "$top/scripts/lib.sh"

fail() {
	say "Linux $release keeps its own psample, act_sample and openvswitch: $1"
	exit 1
}

if [ ! -f ext/VERSION ]; then
	# PRE_BUILD has said why, but dkms before 3.0.11 goes on, and make.log is
	# what it refers to: once more.
	sh dkms/prepare.sh "$release" "$kdir" || exit 1
fi
say "built from Debian source $(cat ext/VERSION)"
say "source files, by SHA-256:"
ext_git "$PWD/ext" ls-files -z | (cd ext && xargs -0 sha256sum)

# Debugging information would be stripped right after.
make -C "$top" modules KDIR="$kdir" EXT="$PWD/ext" KFLAGS="-j$(nproc) KCFLAGS=-g0" ||
	fail "the modules do not compile (the reason is above in make.log)"
make -C "$top" abi KDIR="$kdir" EXT="$PWD/ext" ||
	fail "the modules built do not fit the kernel's others (FAIL above in make.log)"
