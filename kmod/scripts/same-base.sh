# SPDX-License-Identifier: GPL-2.0-only
# same-base.sh KDIR EXT: refuse to build one kernel's sources for another.
# Structures differ between versions, and a kernel without MODVERSIONS would
# load the result all the same.
set -u
kdir=$1 ext=$2

# The release string is no help: distributions put their ABI number there.
# version.h carries the source's own numbers.
h=$kdir/include/generated/uapi/linux/version.h
if [ ! -f "$h" ]; then
	echo "kmod: $kdir: not a prepared kernel build directory (run 'make modules_prepare' for it)" >&2
	exit 1
fi
if [ ! -f "$ext/BASE" ]; then
	echo "kmod: $ext: not made by 'make ext' (no file BASE in it)" >&2
	exit 1
fi
num() { sed -n "s/^#define LINUX_VERSION_$1 *\([0-9]*\)\$/\1/p" "$h"; }
have=$(num MAJOR).$(num PATCHLEVEL).$(num SUBLEVEL)
want=$(cat "$ext/BASE")
if [ "$have" != "$want" ]; then
	echo "kmod: $kdir is a build directory of Linux $have, $ext holds sources of Linux $want: take both from one version" >&2
	exit 1
fi
