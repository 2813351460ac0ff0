#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# guest.sh TEST [TOOL]: runs one test of the kernel's openvswitch.sh in a fresh
# guest. Below the working directory, tree/ has the kernel's selftests and bin/,
# or bin/TOOL/, the programs that come first in PATH. Ends with the test's status, or 99 when it
# could not be started.
exec 2>&1 </dev/null
test=$1

cannot() {
	echo "setup: $*"
	exit 99
}

# The suite loads nothing and takes a missing openvswitch for a skip.
for module in openvswitch psample act_sample veth vxlan geneve vport-vxlan vport-geneve vport-gre 8021q nf_conntrack; do
	modprobe "$module" || cannot "module $module"
done

# The host's files are slow to get at, and read-only for the tests' purposes.
work=$(mktemp -d) && cp -r tree/. "$work" || cannot "no copy of the tests"
export PATH=$PWD/bin${2:+/$2}:$PATH
cd "$work/tools/testing/selftests/net/openvswitch" || cannot "no test suite"

# With one processor its Python tool asks for no upcall socket at all, which
# the kernel refuses.
[ "$(nproc)" -gt 1 ] || export PYTHON_CPU_COUNT=2
export KSFT_MACHINE_SLOW=yes

# What a failed test leaves behind.
logs() {
	for f in test_*/*; do
		if [ -s "$f" ]; then
			echo "--- $f"
			head -c 1000000 "$f"
		fi
	done
}
trap 'logs; exit 143' TERM

# -p keeps the logs of a failure; it asks for a key, and gets an end of file.
bash ./openvswitch.sh -v -p "$test" &
wait $!
status=$?
[ "$status" = 0 ] || [ "$status" = 4 ] || logs
exit "$status"
