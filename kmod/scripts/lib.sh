# SPDX-License-Identifier: GPL-2.0-only
# Shared by the other scripts here; sourced, never run.

die() {
	echo "kmod: $*" >&2
	exit 1
}

# base_version SRC: the version the source tree itself states.
base_version() {
	[ -f "$1/Makefile" ] || die "$1: no kernel source here (no Makefile)"
	_v=$(sed -n 's/^VERSION = *\([0-9][0-9]*\)$/\1/p' "$1/Makefile")
	_p=$(sed -n 's/^PATCHLEVEL = *\([0-9][0-9]*\)$/\1/p' "$1/Makefile")
	_s=$(sed -n 's/^SUBLEVEL = *\([0-9][0-9]*\)$/\1/p' "$1/Makefile")
	[ -n "$_v" ] && [ -n "$_p" ] && [ -n "$_s" ] ||
		die "$1/Makefile: states no VERSION, PATCHLEVEL and SUBLEVEL: not the top of a kernel source tree"
	echo "$_v.$_p.$_s"
}

# series_dir KMOD VERSION: the directory holding the series for that kernel.
series_dir() {
	_major=${2%.*}
	if [ ! -f "$1/patches/$_major/series" ]; then
		_have=$(cd "$1/patches" && ls -d */ | tr -d / | tr '\n' ' ')
		die "Linux $2: no patch series for $_major (there is one for: ${_have% }); kernels >= 6.11 need none"
	fi
	echo "$1/patches/$_major"
}

# series_patches DIR: names listed in the series file, comments left out.
series_patches() {
	sed -e 's/#.*//' -e 's/[[:space:]].*//' -e '/^$/d' "$1/series"
}

# series_for DIR SRC: those of them the source needs. Whether it has a fix is
# seen by its text: a distribution takes fixes from later versions.
series_for() {
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1/series" | while read -r _name _word _file _text; do
		if [ "$_word" = unless ] && [ -n "$_text" ]; then
			[ -f "$2/$_file" ] || die "$2: has no $_file: not a complete kernel source"
			if grep -qF -- "$_text" "$2/$_file"; then continue; fi
		elif [ -n "$_word" ]; then
			die "$1/series: $_name: expected 'unless FILE TEXT' after the name"
		fi
		echo "$_name"
	done
}

# ext_git EXT ARGS...: git that sees neither the user's nor the system's
# configuration, hooks, signing keys, editors or credentials.
ext_git() {
	_dir=$1
	shift
	env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE -u GIT_OBJECT_DIRECTORY \
		-u GIT_ALTERNATE_OBJECT_DIRECTORIES -u GIT_CONFIG_PARAMETERS \
		-u GIT_CONFIG_COUNT -u GIT_AUTHOR_NAME -u GIT_AUTHOR_EMAIL \
		GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 \
		GIT_COMMITTER_NAME='dpscope maintainers' \
		GIT_COMMITTER_EMAIL=maintainers@dpscope.invalid \
		GIT_CEILING_DIRECTORIES="$(dirname "$_dir")" LC_ALL=C \
		git -C "$_dir" -c user.name='dpscope maintainers' \
		-c user.email=maintainers@dpscope.invalid -c commit.gpgSign=false \
		-c core.hooksPath=/dev/null -c core.autocrlf=false -c core.fsmonitor=false \
		-c gc.auto=0 -c maintenance.auto=false -c init.defaultBranch=base "$@"
}

# make_base SRC EXT VERSION: the out-of-tree module directory with the stock
# files, committed as the commit the series applies to.
make_base() {
	for _f in net/psample net/openvswitch net/sched/act_sample.c include/net/psample.h; do
		[ -e "$1/$_f" ] || die "$1: has no $_f: not a complete kernel source"
	done
	mkdir -p "$2/net/sched" "$2/include/net/tc_act" "$2/include/uapi/linux/tc_act" ||
		die "$2: cannot create"
	(
		cd "$1" || exit
		cp -R net/psample net/openvswitch "$2/net/" &&
		cp net/sched/act_sample.c "$2/net/sched/" &&
		cp include/net/psample.h "$2/include/net/" &&
		cp include/net/tc_act/tc_sample.h "$2/include/net/tc_act/" &&
		cp include/uapi/linux/psample.h include/uapi/linux/openvswitch.h "$2/include/uapi/linux/" &&
		cp include/uapi/linux/tc_act/tc_sample.h "$2/include/uapi/linux/tc_act/"
	) || die "$2: copying from $1 failed"
	# A source tree that was built in place carries objects along.
	find "$2" \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '.*.cmd' -o -name '*.a' -o -name modules.order \) -exec rm -f {} +
	chmod -R u+w "$2"

	# Only include/ goes in front of the kernel's own directories, not
	# include/uapi: <linux/openvswitch.h> has to stay the kernel's internal
	# header, which then finds our <uapi/linux/openvswitch.h>.
	cat >"$2/Kbuild" <<-'END'
		# SPDX-License-Identifier: GPL-2.0-only
		LINUXINCLUDE := -I$(src)/include $(LINUXINCLUDE)
		obj-m += net/psample/ net/sched/ net/openvswitch/
	END
	cat >"$2/net/sched/Makefile" <<-'END'
		# SPDX-License-Identifier: GPL-2.0-only
		obj-$(CONFIG_NET_ACT_SAMPLE) += act_sample.o
	END
	# The kernel's own port modules, vport-*, fit: nothing they see changes.
	printf '%s\n' '' 'obj-m := $(filter openvswitch.o,$(obj-m))' >>"$2/net/openvswitch/Makefile"
	printf '%s\n' "$3" >"$2/BASE"
	printf '%s\n' '*.o' '*.ko' '*.mod' '*.mod.c' '*.cmd' '*.a' \
		modules.order Module.symvers >"$2/.gitignore"
	ext_git "$2" init -q . && ext_git "$2" add -A . &&
		ext_git "$2" commit -q -m "Linux $3: files the series is about" ||
		die "$2: cannot create the git repository"
}

# apply_patch EXT DIR NAME VERSION: one patch, by git am.
apply_patch() {
	[ -f "$2/$3" ] || die "$2/series lists $3, which does not exist"
	if ! ext_git "$1" am -q --committer-date-is-author-date "$2/$3" >"$1/.git/am.log" 2>&1; then
		sed -n '/^error: /p' "$1/.git/am.log" >&2
		die "$3 does not apply to Linux $4"
	fi
}
