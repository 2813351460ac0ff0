#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# deb.sh VERSION DIRECTORY: make the package dpscope-dkms of that version there
# and print its file's name. The same files give the same package, if
# SOURCE_DATE_EPOCH is set.
set -eu
version=$1 to=$2
kmod=$(cd "$(dirname "$0")/.." && pwd)
umask 022
export LC_ALL=C

case $version in
*[!0-9A-Za-z.+~]* | [!0-9]* | '')
	echo "deb.sh: version '$version': must begin with a digit and have letters, digits, '.', '+' and '~' only" >&2
	exit 2
	;;
esac
command -v dpkg-deb >/dev/null || {
	echo "deb.sh: dpkg-deb is missing: packages can be made on Debian and its like" >&2
	exit 1
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
root=$tmp/root
src=$root/usr/src/dpscope-$version lib=$root/usr/lib/dpscope-dkms doc=$root/usr/share/doc/dpscope-dkms

# fill FILE MODE TEMPLATE [OPTION]
fill() {
	mkdir -p "$(dirname "$1")"
	sed -e "s/@VERSION@/$version/g" -e "s/ *@OPTION@/${4:+ $4}/" -e "s/@SIZE@/${size:-0}/" "$3" >"$1"
	chmod "$2" "$1"
}
# put MODE DIRECTORY FILE...
put() {
	mode=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	cp "$@" "$dir/"
	for f; do chmod "$mode" "$dir/${f##*/}"; done
}

put 644 "$src" "$kmod/Makefile"
put 644 "$src/scripts" "$kmod"/scripts/*.sh
for dir in "$kmod"/patches/*/; do
	dir=${dir%/}
	put 644 "$src/patches/${dir##*/}" "$dir"/series "$dir"/*.patch
done
fill "$src/dkms.conf" 644 "$kmod/dkms/dkms.conf.in"
put 755 "$src/dkms" "$kmod/dkms/prepare.sh" "$kmod/dkms/build.sh"
put 644 "$src/dkms" "$kmod/dkms/lib.sh"

put 644 "$lib" "$kmod/dkms/lib.sh"
fill "$lib/update.sh" 755 "$kmod/dkms/update.sh"
fill "$root/etc/kernel/header_postinst.d/dpscope-dkms" 755 "$kmod/dkms/kernel-hook.in"
# The hook that makes the initramfs of a new kernel comes after this one.
fill "$root/etc/kernel/postinst.d/dpscope-dkms" 755 "$kmod/dkms/kernel-hook.in" --no-initramfs
# The kernel's modules have no version; without this dkms takes ours for the
# same and does not install them.
mkdir -p "$root/usr/share/dkms/modules_to_force_install"
echo dpscope_version-override >"$root/usr/share/dkms/modules_to_force_install/dpscope-dkms"

put 644 "$doc" "$kmod/dkms/debian/copyright" "$kmod/dkms/README.md"
put 644 "$doc/patches" "$kmod/README.md"

size=$(du -ks --apparent-size "$root" | cut -f1)
fill "$root/DEBIAN/control" 644 "$kmod/dkms/debian/control.in"
put 644 "$root/DEBIAN" "$kmod/dkms/debian/conffiles" "$kmod/dkms/debian/triggers"
put 755 "$root/DEBIAN" "$kmod/dkms/debian/postrm"
fill "$root/DEBIAN/postinst" 755 "$kmod/dkms/debian/postinst.in"
fill "$root/DEBIAN/prerm" 755 "$kmod/dkms/debian/prerm.in"
sed -i '/^#/d' "$root/DEBIAN/triggers"
(cd "$root" && find usr -type f | sort | xargs md5sum) >"$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN/md5sums"

mkdir -p "$to"
file=$to/dpscope-dkms_${version}_all.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$tmp/deb" >/dev/null
mv "$tmp/deb" "$file"
echo "$file"
