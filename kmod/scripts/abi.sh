# SPDX-License-Identifier: GPL-2.0-only
# abi.sh STOCK EXT: prove that the modules built in EXT can take the place of
# the kernel's own without harm to the modules that use them. STOCK is the
# kernel's Module.symvers, or that of an unpatched build in EXT. One line for
# each check; status 1 if any failed.
set -u
stock=$1 ext=$2
export LC_ALL=C
failed=0

ok() { echo "ok   $*"; }
bad() {
	echo "FAIL $*"
	failed=1
}

for f in "$stock" "$ext/Module.symvers"; do
	if [ ! -f "$f" ]; then
		echo "kmod: $f: no such file: symbol lists come with the kernel's headers and with a build" >&2
		exit 1
	fi
done

# exports FILE: "module symbol version kind namespace" of what the directories
# we build export, sorted. A build out of tree gives whole paths.
exports() {
	awk -F '\t' -v ext="$ext/" '{
		if (index($3, ext) == 1) $3 = substr($3, length(ext) + 1)
		if ($3 ~ "^net/(psample|openvswitch)/" || $3 == "net/sched/act_sample")
			print $3, $2, $1, $4, $5
	}' "$1" | sort
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/kmod-abi.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
exports "$stock" >"$tmp/stock"
exports "$ext/Module.symvers" >"$tmp/ours"

# Everything the kernel's own modules export has to be there as it was: a
# module built against it is not loaded otherwise.
comm -23 "$tmp/stock" "$tmp/ours" >"$tmp/lost"
count=$(wc -l <"$tmp/stock")
if [ "$count" = 0 ]; then
	bad "symbols: $stock lists none of psample and openvswitch: are they modules of this kernel?"
elif [ -s "$tmp/lost" ]; then
	bad "symbols: changed or gone (module, symbol, version, kind), and what became of them:"
	while read -r module symbol rest; do
		echo "     was $module $symbol $rest"
		grep "^$module $symbol " "$tmp/ours" | sed 's/^/     is  /'
	done <"$tmp/lost"
elif ! awk '$3 !~ /^0x0*$/ { found = 1 } END { exit !found }' "$tmp/stock"; then
	ok "symbols: all $count of the kernel's own are there (they have no versions)"
else
	ok "symbols: all $count of the kernel's own are there, with the same versions"
fi

# Equal versions would let our modules use a psample that is not ours and
# drops what they hand it. A symbol that only ours has forbids it.
symbols() { awk '$1 == "net/psample/psample" { print $2 }' "$1" | sort; }
symbols "$tmp/ours" >"$tmp/have"
symbols "$tmp/stock" | comm -13 - "$tmp/have" >"$tmp/new"
find "$ext" -name '*.ko' ! -name psample.ko | sort >"$tmp/modules"
users=0
while read -r ko; do
	nm -u "$ko" | awk '{ print $NF }' | sort >"$tmp/imports"
	[ -n "$(comm -12 "$tmp/imports" "$tmp/have")" ] || continue
	users=$((users + 1))
	with=$(comm -12 "$tmp/imports" "$tmp/new" | tr '\n' ' ')
	if [ -n "$with" ]; then
		ok "${ko##*/}: not without our psample: needs ${with% }"
	else
		bad "${ko##*/}: can be loaded with a psample that is not ours"
	fi
done <"$tmp/modules"
[ "$users" != 0 ] || bad "no module in $ext uses psample"
exit $failed
