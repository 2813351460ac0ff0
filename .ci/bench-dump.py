# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: see bench-dump."""

import math
import os
import random
import subprocess
import sys
import time

ours, flows, pairs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
peer = "/usr/bin/ovs-dpctl"
rnd = random.Random(1)


def install():
    """Half of the flows have one of a few lists of actions, the others their own."""
    common = ["2", "3", "push_vlan(vid=7,pcp=0),2", "recirc(43)", "ct(commit,zone=5),recirc(44)"]
    with open("/tmp/flows", "w") as f:
        for i in range(flows):
            a, b, c = i & 255, i >> 8 & 255, i >> 16
            key = (f"recirc_id(0),in_port({i % 3}),eth(src=02:00:00:{c:02x}:{b:02x}:{a:02x},dst=02:00:00:00:00:02),"
                   f"eth_type(0x0800),ipv4(src=10.{c}.{b}.{a},dst=10.9.8.0/255.255.255.0,proto=6,frag=no),tcp(dst={i % 50000}),tcp_flags(0/0)")
            if i % 2:
                action = rnd.choice(common)
            else:
                action = f"set(ipv4(dst=10.{c}.{b}.{a})),set(eth(dst=02:00:01:{c:02x}:{b:02x}:{a:02x})),{1 + i % 2}"
            f.write(f"{key} {action}\n")
    subprocess.run([peer, "add-dp", "bench"], check=True)
    for port in ("b1", "b2", "b3"):
        subprocess.run([peer, "add-if", "bench", port + ",type=internal"], check=True)
    subprocess.run([peer, "add-flows", "bench", "/tmp/flows"], check=True, stdout=subprocess.DEVNULL)


def run(program):
    """Processor and elapsed seconds of one dump into a file."""
    with open("/tmp/out", "wb") as out:
        start = time.monotonic()
        pid = os.posix_spawn(program, [program, "dump-flows", "bench"], os.environ,
                             file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
        _, status, usage = os.wait4(pid, 0)
        wall = time.monotonic() - start
    if status:
        sys.exit(f"{program} ended with {status}")
    return usage.ru_utime + usage.ru_stime, wall


def peak(program):
    """Peak memory in MB, as the process itself is accounted shortly before its end."""
    high = "0"
    with subprocess.Popen([program, "dump-flows", "bench"], stdout=subprocess.PIPE) as p:
        while p.stdout.read1(1 << 16):
            try:
                with open(f"/proc/{p.pid}/status") as f:
                    for line in f:
                        if line.startswith("VmHWM"):
                            high = line.split()[1]
            except OSError:
                pass
    return int(high) / 1024


def lines(program):
    """What a dump says: nothing in it changes, as no packets pass."""
    run(program)
    with open("/tmp/out") as f:
        return sorted(f)


def describe(name, values):
    n = len(values)
    mean = sum(values) / n
    half = t95(n - 1) * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    return f"| {name} | {mean:.3f} | {mean - half:.3f} to {mean + half:.3f} |"


def t95(df):
    table = {9: 2.262, 10: 2.228, 11: 2.201, 12: 2.179, 13: 2.160, 14: 2.145, 15: 2.131, 19: 2.093, 24: 2.064, 29: 2.045}
    return table[max((d for d in table if d <= df), default=9)]


install()
a, b = lines(ours), lines(peer)
if len(a) != flows or a != b:
    different = [pair for pair in zip(a, b) if pair[0] != pair[1]][:3]
    sys.exit(f"{len(a)} and {len(b)} lines of {flows} flows; the texts differ: {different}")
run(ours), run(peer)
results = [(run(ours), run(peer)) for _ in range(pairs)]
print("kernel", os.uname().release, "-", subprocess.run([peer, "--version"], capture_output=True, text=True).stdout.splitlines()[0])
for i, what in enumerate(("processor", "elapsed")):
    for j, who in enumerate(("ours", "peer")):
        print(describe(f"{what} seconds, {who}", [r[j][i] for r in results]))
    print(describe(f"{what} time, ours/peer", [r[0][i] / r[1][i] for r in results]))
print(f"| peak memory in MB, ours, peer | {peak(ours):.1f} | {peak(peer):.1f} |")
