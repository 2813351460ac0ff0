# SPDX-License-Identifier: GPL-2.0-only
# ext.sh KMOD SRC EXT: assemble the out-of-tree module directory and apply what
# the source needs of the series for its version. EXT appears only once it is
# complete, so a failed run can simply be repeated.
set -u
kmod=$1 src=$2 ext=$3
. "$kmod/scripts/lib.sh"

version=$(base_version "$src") || exit 1
series=$(series_dir "$kmod" "$version") || exit 1
if [ -e "$ext" ]; then
	rmdir "$ext" 2>/dev/null || die "$ext: exists and is not an empty directory; give a new one"
fi
part=$ext.part.$$
trap 'rm -rf "$part"' EXIT
trap 'exit 1' HUP INT TERM
make_base "$src" "$part" "$version"
patches=$(series_for "$series" "$src") || exit 1
n=0
for p in $patches; do
	apply_patch "$part" "$series" "$p" "$version"
	n=$((n + 1))
done
mv "$part" "$ext" || die "$ext: cannot create"
rest=$(($(series_patches "$series" | wc -l) - n))
echo "kmod: Linux $version: $n patches applied in $ext; fixes the source already has: $rest"
