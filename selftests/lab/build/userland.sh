#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes a Debian system out of packages that are at hand. Runs as root, in mount
# and process namespaces of its own or in a guest: what it mounts and starts
# ends with those.
#   userland.sh SUITE PACKAGE,PACKAGE... MIRROR TARGET
# MIRROR holds the packages as an archive would. TARGET is an empty directory,
# or, ending in .tar, the file to pack the system into.
set -eu
suite=$1 packages=$2
mirror=$(readlink -f "$3") target=$(readlink -f "$4")
umask 022

# debootstrap takes the archive's address apart, and makes file names of it.
mount -t tmpfs -o mode=755,size=100% lab /mnt
mkdir /mnt/mirror /mnt/root
mount --bind "$mirror" /mnt/mirror
[ "${target%.tar}" != "$target" ] || mount --bind "$target" /mnt/root
cd /mnt/root
chmod 755 .

# apt has checked the signatures of what is in there.
debootstrap --foreign --variant=minbase --no-check-gpg --components=main \
	--include="$packages" "$suite" /mnt/root file:///mnt/mirror

# From here on packages are installed without what nobody reads in a guest. A
# system that is cut off half way is thrown away whole.
mkdir -p etc/dpkg/dpkg.cfg.d
cat >etc/dpkg/dpkg.cfg.d/lab <<-EOF
	path-exclude=/usr/share/doc/*
	path-exclude=/usr/share/info/*
	path-exclude=/usr/share/lintian/*
	path-exclude=/usr/share/locale/*
	path-exclude=/usr/share/man/*
	force-unsafe-io
EOF
export DEBIAN_FRONTEND=noninteractive
chroot /mnt/root /debootstrap/debootstrap --second-stage

for dir in doc info lintian locale man; do
	rm -rf "usr/share/$dir" && mkdir "usr/share/$dir"
done
rm -rf var/cache/apt/* var/lib/apt/lists/* var/cache/debconf/*-old var/lib/dpkg/*-old dev/* run/* tmp/* \
	var/log/*.log var/log/apt etc/apt/sources.list
# A guest has no network beyond itself, and its own name.
echo lab >etc/hostname
printf '127.0.0.1\tlocalhost lab\n::1\tlocalhost ip6-localhost ip6-loopback\n' >etc/hosts
rm -f etc/resolv.conf
: >etc/resolv.conf
printf '#!/bin/sh\n# Installing a package starts no service.\nexit 101\n' >usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d

# Whoever unpacks it is not root: set-user-id programs would take rights away
# from the guest's root, and a directory must let its owner in.
[ "${target%.tar}" = "$target" ] || tar --mode=u+rwX,ug-s -cf "$target" .
