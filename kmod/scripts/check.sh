# SPDX-License-Identifier: GPL-2.0-only
# check.sh KMOD SRC KDIR: prove what README.md says about the series. One line
# for each check; details of a failure go to stderr; status 1 if any failed.
set -u
kmod=$1 src=$2 kdir=$3
. "$kmod/scripts/lib.sh"

# Our own -j below, and none of the caller's command line variables.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
# Warnings are found by their English text, and lists are compared sorted.
export LC_ALL=C
jobs=-j$(nproc 2>/dev/null || echo 1)
karch=${KARCH-}
failed=0

ok() { echo "ok   $*"; }
bad() {
	echo "FAIL $*"
	failed=1
}

# kbuild DIR LOG ARGS...: build the modules of DIR, everything into LOG.
kbuild() {
	_dir=$1 _log=$2
	shift 2
	_sym=
	[ -f "$kdir/Module.symvers" ] || _sym=KBUILD_MODPOST_WARN=1
	# $karch and $_sym are single words or nothing.
	make $jobs -C "$kdir" M="$_dir" $karch $_sym "$@" modules >"$_log" 2>&1
}

# warnings LOG DIR: compiler and kernel-doc warnings without the positions,
# which move with every patch.
warnings() {
	sed -n -e "s|$2/||" -e 's/^\([^: ]*\):[0-9:]* warning: /\1: /p' "$1" | sort -u
}

why() { sed 's/^/     /' "$1" | tail -n 30 >&2; }

version=$(base_version "$src") || exit 1
series=$(series_dir "$kmod" "$version") || exit 1
tmp=$(mktemp -d "${TMPDIR:-/tmp}/kmod-check.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
ext=$tmp/ext
all=$(series_patches "$series")
patches=$(series_for "$series" "$src") || exit 1
total=$(echo "$patches" | wc -l)

# The series file and the directory name the same patches.
(cd "$series" && ls ./*.patch | sed 's|^\./||' | sort) >"$tmp/have"
echo "$all" | sort >"$tmp/listed"
if diff -u "$tmp/listed" "$tmp/have" >"$tmp/diff"; then
	ok "series: lists the $(echo "$all" | wc -l) patches there are; Linux $version needs $total of them"
else
	bad "series: does not list exactly the patches there are"
	why "$tmp/diff"
fi

# checkpatch looks for .git in the current directory, hence the cd. The one
# type ignored is justified in README.md.
for p in $all; do
	if (cd "$tmp" && perl "$src/scripts/checkpatch.pl" --root="$src" --strict \
		--show-types --no-summary --quiet --ignore UNKNOWN_COMMIT_ID \
		"$series/$p") >"$tmp/log" 2>&1 && [ ! -s "$tmp/log" ]; then
		ok "checkpatch --strict: $p"
	else
		bad "checkpatch --strict: $p"
		why "$tmp/log"
	fi
done

# Stock first, then one patch after the other in the same directory. What a
# patch does not touch is not compiled again, so a warning shows up with the
# patch that causes it.
make_base "$src" "$ext" "$version"
sh "$kmod/scripts/same-base.sh" "$kdir" "$ext" || exit 1
if kbuild "$ext" "$tmp/log" W=1; then
	warnings "$tmp/log" "$ext" >"$tmp/stock"
	ok "W=1 build: Linux $version without patches: $(wc -l <"$tmp/stock") warnings"
else
	bad "W=1 build: Linux $version without patches does not build"
	why "$tmp/log"
	exit 1
fi

# What the kernel's other modules were built against: its own list of symbols,
# or else what the stock build exports.
symvers=$kdir/Module.symvers
if [ ! -f "$symvers" ]; then
	symvers=$tmp/symvers
	cp "$ext/Module.symvers" "$symvers" || exit 1
fi

n=0
for p in $patches; do
	if ! (apply_patch "$ext" "$series" "$p" "$version") 2>"$tmp/log"; then
		bad "git am: $p"
		why "$tmp/log"
		exit 1
	fi
	if [ "$n" = $((total - 1)) ]; then
		before=0
		sh "$kmod/scripts/abi.sh" "$symvers" "$ext" >"$tmp/abi" 2>&1 || before=$?
	fi
	n=$((n + 1))
	if ! kbuild "$ext" "$tmp/log" W=1; then
		bad "W=1 build: patches 1 to $n of $total: $p breaks it"
		why "$tmp/log"
		exit 1
	fi
	warnings "$tmp/log" "$ext" | comm -13 "$tmp/stock" - >"$tmp/new"
	if [ -s "$tmp/new" ]; then
		bad "W=1 build: patches 1 to $n of $total: $p brings new warnings"
		why "$tmp/new"
	else
		ok "W=1 build: patches 1 to $n of $total: no new warnings"
	fi
done
ok "git am: $total patches on Linux $version"

# The last patch is there for other modules, so without it the comparison has
# to find something.
if [ "$before" = 0 ]; then
	bad "abi: the comparison finds nothing without the last patch"
	why "$tmp/abi"
elif sh "$kmod/scripts/abi.sh" "$symvers" "$ext" >"$tmp/abi" 2>&1; then
	sed 's/^ok   /ok   abi: /' "$tmp/abi"
else
	bad "abi: the modules do not fit the kernel's others"
	why "$tmp/abi"
fi

# kernel-doc of the headers: a build looks at .c files only. Nobody documents
# the __FOO_MAX that ends an enum.
: >"$tmp/new"
for f in include/uapi/linux/openvswitch.h net/openvswitch/datapath.h; do
	for t in "$src" "$ext"; do
		perl "$src/scripts/kernel-doc" -none "$t/$f" 2>&1 |
			sed -n -e "/value '__[A-Z_]*_MAX' not/d" -e 's/^[^ ]*:[0-9]*: warning: //p' | sort -u >"$tmp/doc.$(basename "$t")"
	done
	comm -13 "$tmp/doc.$(basename "$src")" "$tmp/doc.ext" >>"$tmp/new"
done
if [ -s "$tmp/new" ]; then
	bad "kernel-doc: new warnings in headers"
	why "$tmp/new"
else
	ok "kernel-doc: no new warnings in headers"
fi

# CONFIG_PSAMPLE=n: kbuild's view by a variable on the command line, the
# compiler's by a header read after the kernel's autoconf.h.
off=$tmp/off
ext_git "$tmp" clone -q "$ext" "$off" >"$tmp/log" 2>&1 || bad "git clone of the patched tree"
printf '#undef CONFIG_%s\n' PSAMPLE PSAMPLE_MODULE NET_ACT_SAMPLE NET_ACT_SAMPLE_MODULE >"$tmp/off.h"
uses() { nm -u "$1/net/openvswitch/openvswitch.ko" 2>/dev/null | grep -q psample_; }
if ! uses "$ext"; then
	bad "CONFIG_PSAMPLE: openvswitch.ko of the normal build does not use psample: is it off in $kdir/.config?"
elif ! kbuild "$off" "$tmp/log" W=1 CONFIG_PSAMPLE= CONFIG_NET_ACT_SAMPLE= KCFLAGS="-include $tmp/off.h"; then
	bad "CONFIG_PSAMPLE=n: openvswitch does not build"
	why "$tmp/log"
elif [ -f "$off/net/psample/psample.ko" ] || uses "$off"; then
	bad "CONFIG_PSAMPLE=n: psample is still built or used"
else
	warnings "$tmp/log" "$off" | comm -13 "$tmp/stock" - >"$tmp/new"
	if [ -s "$tmp/new" ]; then
		bad "CONFIG_PSAMPLE=n: new warnings"
		why "$tmp/new"
	else
		ok "CONFIG_PSAMPLE=n: openvswitch builds, without psample, no new warnings"
	fi
fi

# Kconfig: conf looks for a file in the build directory before it looks in the
# source, so the patched net/openvswitch/Kconfig is put there.
kconf=$tmp/kconf
mkdir -p "$kconf/net/openvswitch"
kconfig() {
	printf 'CONFIG_%s\n' MODULES=y NET=y INET=y OPENVSWITCH=y PSAMPLE="$1" >"$tmp/frag"
	make -C "$src" O="$kconf" $karch KCONFIG_ALLCONFIG="$tmp/frag" allnoconfig >"$tmp/log" 2>&1 ||
		{ why "$tmp/log"; echo failed; return; }
	sed -n 's/^CONFIG_OPENVSWITCH=//p' "$kconf/.config"
}
without=$(kconfig m)
cp "$ext/net/openvswitch/Kconfig" "$kconf/net/openvswitch/Kconfig"
got="$without $(kconfig m) $(kconfig y) $(kconfig n)"
if [ "$got" = "y m y y" ]; then
	ok "Kconfig: OPENVSWITCH=y becomes m with PSAMPLE=m, stays y with PSAMPLE=y and n"
else
	bad "Kconfig: OPENVSWITCH is '$got' (unpatched with PSAMPLE=m, then patched with m, y, n), expected 'y m y y'"
fi

# The userspace headers kept here are those of the patched tree.
: >"$tmp/diff"
(cd "$ext/include/uapi" && find . -name '*.h' | sort) >"$tmp/listed"
(cd "$kmod/uapi" && find . -type f | sort) >"$tmp/have"
diff -u "$tmp/listed" "$tmp/have" >>"$tmp/diff"
while read -r f; do
	diff -u "$ext/include/uapi/$f" "$kmod/uapi/$f" >>"$tmp/diff" 2>&1
	head -n 1 "$kmod/uapi/$f" | grep -q "GPL-2.0 WITH Linux-syscall-note" ||
		echo "$f: no SPDX line with the syscall note" >>"$tmp/diff"
done <"$tmp/listed"
if [ -s "$tmp/diff" ]; then
	bad "uapi: kmod/uapi differs from the patched tree"
	why "$tmp/diff"
else
	ok "uapi: kmod/uapi equals the patched tree ($(wc -l <"$tmp/listed") headers)"
fi

exit $failed
