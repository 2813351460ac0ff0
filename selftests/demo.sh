#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job, end to end, inside a lab guest: packets that hit a tc sample
# action and an Open vSwitch psample action come out as JSON, each with the
# cookie its user gave. Every command is shown before it runs.
set -euo pipefail

n=0
step() { n=$((n + 1)); printf '\n--- %d. %s\n' "$n" "$*"; }
run() { # show a command as it would be typed, then run it
	local word line='$'
	for word; do
		case $word in
		*[!A-Za-z0-9_./:=,%+-]*) line+=" '$word'" ;;
		*) line+=" $word" ;;
		esac
	done
	printf '%s\n' "$line"
	"$@"
}

listening() { # listening FILE: wait until the listener has joined the group
	for _ in $(seq 200); do
		if grep -q ready "$1"; then return; fi
		sleep 0.05
	done
	echo "demo: psample-listen did not get ready: $(cat "$1")" >&2
	exit 1
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

step "the kernel: $(uname -sr), its modules built with our patches"
run modprobe -a psample act_sample openvswitch

step "two hosts on a wire: h0 here, h1 in the network namespace 'peer'"
run ip netns add peer
run ip link add h0 type veth peer name h1 netns peer
run ip address add 10.0.0.1/24 dev h0
run ip link set h0 up
run ip -n peer address add 10.0.0.2/24 dev h1
run ip -n peer link set h1 up

step "tc: sample every packet that h0 receives, group 5, with a cookie of 16 bytes"
run tc-sample add h0 --ingress --rate 1 --group 5 --cookie 000102030405060708090a0b0c0d0e0f
run tc-sample list h0

step "read two of them as JSON while h1 pings"
echo '$ psample-listen -g 5 -c 2 -j &'
psample-listen -g 5 -c 2 -j 2>"$dir/tc.err" &
listener=$!
listening "$dir/tc.err"
run ip netns exec peer ping -q -c 2 -i 0.2 10.0.0.1
wait "$listener"
run tc-sample del h0 --ingress

step "Open vSwitch: a datapath between h0 and a second pair"
run ip link add p0 type veth peer name p1
run ip link set p0 up
run ip link set p1 up
run ovs-dpctl add-dp demo
run ovs-dpctl add-if demo h0
run ovs-dpctl add-if demo p0

step "one flow: keep 60 bytes of half the packets and give them to psample, group 7"
run ovs-dpctl add-flow demo 'in_port(1),eth(),eth_type(0x0800),ipv4()' 'sample(sample=50%,actions(trunc(60),psample(group=7,cookie=0a0000010000002a))),2'
run ovs-dpctl dump-flows demo

step "read two of them; the cookie is observation domain 0x0a000001, point 42"
echo '$ psample-listen -g 7 -c 2 -j --cookie-format ovs &'
psample-listen -g 7 -c 2 -j --cookie-format ovs 2>"$dir/ovs.err" &
listener=$!
listening "$dir/ovs.err"
# Nobody answers at the other end; the requests are what is sampled.
run ip -n peer neighbour add 10.0.0.9 lladdr 02:00:00:00:00:09 dev h1
echo '$ ip netns exec peer ping -i 0.1 10.0.0.9 &'
ip netns exec peer ping -q -c 100 -i 0.1 10.0.0.9 >"$dir/ping.out" 2>&1 &
ping=$!
wait "$listener"
kill "$ping" 2>/dev/null || true
wait "$ping" 2>/dev/null || true
run ovs-dpctl show demo

step "take it all away again"
run ovs-dpctl del-dp demo
run ip link del h0
run ip link del p0
run ip netns del peer
