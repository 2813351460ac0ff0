#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the netlink specifications against the running kernel.

specs.py TREE SPECS [NOTE...]: TREE is laid out as the kernel's source, with its
ynl and schema; SPECS has psample.yaml and ovs_flow.yaml. It changes the network
namespace it runs in, so it wants one to throw away, with ovs-dpctl, tc-sample
and psample-listen in PATH. The report is KTAP, with the notes at its head;
status 1 if anything failed.
"""

import copy
import datetime
import ipaddress
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import time
import traceback

TREE, SPECS = sys.argv[1:3]
# The library and its command line moved into a package in Linux 6.14.
YNL = os.path.join(TREE, "tools/net/ynl/pyynl")
if not os.path.isdir(YNL):
    YNL = os.path.dirname(YNL)
sys.path.insert(0, YNL)
from lib import Netlink, NlError, YnlFamily  # noqa: E402

SCHEMA = os.path.join(TREE, "Documentation/netlink/genetlink-legacy.yaml")
PSAMPLE = os.path.join(SPECS, "psample.yaml")
OVS_FLOW = os.path.join(SPECS, "ovs_flow.yaml")
ALWAYS = 0xFFFFFFFF
# Nothing here takes long; a missing message shall not hang the whole.
PATIENCE = 20


def family(path):
    """Opens a family, which checks its specification against the schema."""
    return YnlFamily(path, SCHEMA)


def run(*args):
    done = subprocess.run(args, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        raise AssertionError(f"{args}: status {done.returncode}: {done.stderr}")
    return done.stdout


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}:\n got {got}\nwant {want}")


def wait_for(what, test):
    end = time.monotonic() + PATIENCE
    while not (got := test()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: nothing came")
        time.sleep(0.02)
    return got


def drain(ynl):
    """Takes the notifications that have come."""
    ynl.check_ntf()
    got = []
    if isinstance(ynl.async_msg_queue, queue.Queue):
        while not ynl.async_msg_queue.empty():
            got.append(ynl.async_msg_queue.get())
    else:
        got, ynl.async_msg_queue = ynl.async_msg_queue, []
    return got


def plain(value):
    """Bytes as hex, what is there once without its list."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return plain(value[0]) if len(value) == 1 else [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def ip(text):
    return int(ipaddress.ip_address(text))


def frame(port):
    """An Ethernet frame with a UDP datagram to a port."""
    udp = (4000).to_bytes(2, "big") + port.to_bytes(2, "big") + (20).to_bytes(2, "big") + bytes(2) + b"specs check!"
    head = bytes.fromhex("450000280001000040110000") + socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2")
    return bytes.fromhex("020000000002" "020000000001" "0800") + head + udp


def send(dev, *frames):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((dev, 0))
        for f in frames:
            s.send(f)


TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def setup():
    for module in ("psample", "act_sample", "openvswitch", "veth"):
        run("modprobe", module)
    # What the system sends by itself would be sampled, too.
    off = "/proc/sys/net/ipv6/conf/default/disable_ipv6"
    if os.path.exists(off):
        with open(off, "w", encoding="ascii") as f:
            f.write("1")
    # v0 is sampled by flows, v1 by tc.
    for n in "01":
        run("ip", "link", "add", "v" + n, "type", "veth", "peer", "name", "p" + n)
        for dev in ("v" + n, "p" + n):
            run("ip", "link", "set", dev, "up")
    run("ovs-dpctl", "add-dp", "dp0", "v0")


# Flows by the UDP port they match: the actions as ynl takes them, and as
# ovs-dpctl prints them, which like Open vSwitch leaves out a cookie's leading
# zeros.
TUNNEL4 = {
    "id": 0x123456, "ipv4-src": ip("192.0.2.1"), "ipv4-dst": ip("192.0.2.2"), "tos": 0x20, "ttl": 77,
    "dont-fragment": True, "csum": True, "oam": True, "tp-src": 4444, "tp-dst": 6081,
    "geneve-opts": "01028001deadbeef",
}
TUNNEL6 = {
    "id": 7, "ttl": 3, "tp-dst": 4789,
    # Of text, one ynl takes addresses and another hex.
    "ipv6-src": ipaddress.ip_address("2001:db8::1").packed,
    "ipv6-dst": ipaddress.ip_address("2001:db8::2").packed,
}
FLOWS = {
    1001: (
        {"trunc": {"max-len": 20}, "psample": {"group": 101, "cookie": "c0ffee"}, "output": 0},
        "trunc(20),psample(group=101,cookie=0xc0ffee),0",
    ),
    1002: ({"psample": {"group": 102}}, "psample(group=102)"),
    1003: (
        {"psample": {"group": 103, "cookie": "000102030405060708090a0b0c0d0e0f"}, "output": [0, 1]},
        "psample(group=103,cookie=0x102030405060708090a0b0c0d0e0f),0,1",
    ),
    1004: (
        {"sample": {"probability": ALWAYS, "actions": {
            "psample": {"group": 104, "cookie": "01"}, "userspace": {"pid": 4242, "userdata": "02"}}}, "output": 0},
        "sample(sample=100.0%,actions(psample(group=104,cookie=0x1),userspace(pid=4242,userdata(02)))),0",
    ),
    1005: ({"clone": {"psample": {"group": 105}}, "psample": {"group": 106}}, "clone(psample(group=105)),psample(group=106)"),
    1006: ({"set": {"tunnel": TUNNEL4}, "psample": {"group": 107, "cookie": "74"}}, None),
    1007: ({"set": {"tunnel": TUNNEL6}, "psample": {"group": 108}}, None),
}


def flow(port, actions):
    return copy.deepcopy({
        "dp-ifindex": socket.if_nametoindex("dp0"),
        "key": {"in-port": 1, "ethernet": {}, "ethertype": 0x0800, "ipv4": {"ipv4-proto": 17}, "udp": {"udp-dst": port}},
        "mask": {"in-port": ALWAYS, "ethernet": {}, "ethertype": 0xFFFF, "ipv4": {"ipv4-proto": 0xFF}, "udp": {"udp-dst": 0xFFFF}},
        "actions": actions,
    })


def add(ynl, port, actions):
    """Adds a flow and returns the kernel's errno, 0 for success."""
    try:
        ynl.do("new", flow(port, actions), [Netlink.NLM_F_CREATE])
    except NlError as e:
        return abs(e.error)
    return 0


@test
def schema():
    """both specifications keep to the schema, and the kernel has the families"""
    for path in (PSAMPLE, OVS_FLOW):
        family(path)


@test
def cli():
    """ynl's command line reads them"""
    out = run("python3", os.path.join(YNL, "cli.py"), "--spec", PSAMPLE, "--schema", SCHEMA, "--dump", "get-group", "--output-json")
    equal("groups", json.loads(out), [])


@test
def groups():
    """psample's groups, as tc makes, uses and leaves them, in dumps and events"""
    ynl, events = family(PSAMPLE), family(PSAMPLE)
    events.ntf_subscribe("config")
    run("tc-sample", "add", "v1", "--ingress", "--rate", "1", "--group", "5", "--cookie", "c0ffee", "--trunc", "60")
    run("tc-sample", "add", "v1", "--egress", "--rate", "4", "--group", "9")
    send("p1", frame(1))
    got = {g["sample-group"]: g for g in ynl.dump("get-group", {})}
    equal("groups", {n: g["group-refcount"] for n, g in got.items()}, {5: 1, 9: 1})
    run("tc-sample", "del", "v1", "--egress")
    run("tc-sample", "del", "v1", "--ingress")
    # The kernel frees actions and their groups a little later.
    wait_for("the end of the groups", lambda: ynl.dump("get-group", {}) == [])
    seen = [(e["name"], e["msg"]["sample-group"]) for e in drain(events)]
    equal("events", seen, [("new-group", 5), ("new-group", 9), ("del-group", 9), ("del-group", 5)])


@test
def flows():
    """flows with the psample action go in and come back, also by ovs-dpctl"""
    ynl = family(OVS_FLOW)
    for port, (actions, _) in FLOWS.items():
        equal(f"errno of flow {port}", add(ynl, port, actions), 0)
    index = socket.if_nametoindex("dp0")
    got = {}
    for f in ynl.dump("get", {"dp-ifindex": index}):
        equal("datapath", f["dp-ifindex"], index)
        got[f["key"]["udp"]["udp-dst"]] = f
    equal("flows", sorted(got), sorted(FLOWS))
    texts = json.loads(run("ovs-dpctl", "dump-flows", "-j", "dp0"))["items"]
    equal("flows of ovs-dpctl", len(texts), len(FLOWS))
    listed = run("ovs-dpctl", "dump-flows", "dp0").splitlines()
    for port, (actions, text) in FLOWS.items():
        dumped = plain(got[port]["actions"])
        if "set" in dumped:
            # Addresses come back as text.
            tunnel = dumped["set"]["tunnel"]
            tunnel.pop("pad", None)
            for k, v in tunnel.items():
                if k.startswith("ipv4-"):
                    tunnel[k] = ip(v)
                elif k.startswith("ipv6-"):
                    tunnel[k] = ipaddress.ip_address(v).packed.hex()
        equal(f"actions of {port}", dumped, plain(actions))
        equal(f"mask of {port}", got[port]["mask"]["udp"], {"udp-src": 0, "udp-dst": 0xFFFF})
        if text is not None:
            line = [l for l in listed if f"dst={port}" in l]
            equal(f"flows of ovs-dpctl to {port}", len(line), 1)
            equal(f"actions of {port} by ovs-dpctl", line[0].partition("actions:")[2], text)
    f = flow(1002, {"psample": {"group": 200, "cookie": "aa"}})
    ynl.do("set", copy.deepcopy(f))
    del f["actions"], f["mask"]
    equal("changed", plain(ynl.do("get", copy.deepcopy(f))["actions"]), {"psample": {"group": 200, "cookie": "aa"}})
    ynl.do("del", f)
    # A structure with padding; the kernel takes its exact size only.
    arp = flow(0, {"output": 0})
    for part, ethertype, fields in (("key", 0x0806, {"arp-op": 1}), ("mask", 0xFFFF, {"arp-op": 0xFFFF})):
        arp[part] = {"in-port": arp[part]["in-port"], "ethernet": {}, "ethertype": ethertype, "arp": fields}
    ynl.do("new", arp, [Netlink.NLM_F_CREATE])
    keys = [f["key"].get("arp", {}).get("arp-op") for f in ynl.dump("get", {"dp-ifindex": index})]
    equal("ARP operations in flows", [k for k in keys if k is not None], [1])
    equal("flows left", len(keys), len(FLOWS))


@test
def refused():
    """what the kernel refuses comes back as its error"""
    ynl = family(OVS_FLOW)
    # The explicit drop has kept its number on older kernels, and no more.
    release = tuple(int(n) for n in os.uname().release.split(".")[:2])
    cases = [
        ("a psample action without group", {"psample": {"cookie": "aa"}}, 22),
        ("a cookie of 17 bytes", {"psample": {"group": 1, "cookie": "00" * 17}}, 34),
        ("drop before others", {"drop": 0, "output": 0}, 22),
        ("drop", {"drop": 7}, 0 if release >= (6, 6) else 22),
    ]
    for what, actions, want in cases:
        equal(f"errno for {what}", add(ynl, 2000, actions), want)


DERIVED = ("type", "v", "iif", "oif", "probability", "packet", "cookie_decoded")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def nanoseconds(text):
    """Reads an RFC 3339 time, which Python does to microseconds only."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    at = datetime.datetime.fromisoformat(seconds + "+00:00")
    return int((at - EPOCH).total_seconds()) * 10**9 + int(fraction)


def as_listen(m):
    """What psample-listen should say of a sample that ynl decoded."""
    names = {
        "sample-group": "group", "group-seq": "seq", "sample-rate": "rate", "iifindex": "iifindex",
        "oifindex": "oifindex", "origsize": "orig_size", "proto": "proto", "timestamp": "timestamp", "out-tc": "out_tc",
        "out-tc-occ": "out_tc_occ", "latency": "latency", "user-cookie": "cookie", "data": "data", "tunnel": "tunnel",
    }
    out = {"rate_is_probability": "sample-probability" in m}
    for k, v in m.items():
        if k not in ("sample-probability", "pad"):
            out[names[k]] = plain(v)
    if "tunnel" in out:
        # psample-listen says of these that they are not there.
        tunnel = dict.fromkeys(("tos", "ttl", "tp_src", "tp_dst"), 0)
        tunnel |= dict.fromkeys(("dont_fragment", "csum", "oam", "ipv4_info_bridge"), False)
        for k, v in out["tunnel"].items():
            if k in ("ipv4-src", "ipv6-src", "ipv4-dst", "ipv6-dst"):
                k = k[-3:]
            elif k == "id":
                v = hex(v)
            elif k == "pad":
                continue
            tunnel[k.replace("-", "_")] = v
        out["tunnel"] = tunnel
    return out


@test
def samples():
    """samples decoded by ynl are what psample-listen -j says of them"""
    ynl = family(PSAMPLE)
    ynl.ntf_subscribe("packets")
    run("tc-sample", "add", "v1", "--ingress", "--rate", "1", "--group", "5", "--cookie", "c0ffee", "--trunc", "20")
    run("tc-sample", "add", "v1", "--egress", "--rate", "1", "--group", "6")
    # Flow 1002 was deleted.
    ports = [p for p in FLOWS if p != 1002]
    want = 3 + 2 + len(ports) + 1  # flow 1005 samples twice
    listener = subprocess.Popen(["psample-listen", "-j", "-c", str(want)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = listener.stderr.readline()
        if "ready" not in said:
            raise AssertionError(f"psample-listen: {said}")
        send("p1", *[frame(n) for n in range(3)])
        send("v1", *[frame(n) for n in range(2)])
        send("p0", *[frame(p) for p in ports])
        lines, said = listener.communicate(timeout=PATIENCE)
    finally:
        listener.kill()
        listener.wait()
    heard = []
    for line in lines.splitlines():
        sample = json.loads(line)
        equal("type", sample["type"], "sample")
        sample = {k: v for k, v in sample.items() if k not in DERIVED}
        sample["timestamp"] = nanoseconds(sample["timestamp"])
        heard.append(sample)
    got = [e["msg"] for e in drain(ynl) if e["name"] == "sample"]
    equal("samples of psample-listen", len(heard), want)
    equal("samples of ynl", len(got), want)
    for ours, theirs in zip(heard, got):
        equal("sample", as_listen(theirs), ours)
    # And that they are the ones that were asked for.
    equal("groups", sorted(m["sample-group"] for m in got), [5, 5, 5, 6, 6, 101, 103, 104, 105, 106, 107, 108])
    by = {m["sample-group"]: m for m in got}
    equal("bytes left by trunc", len(by[101]["data"]), 20)
    equal("original size", by[101]["origsize"], len(frame(0)))
    equal("cookies", {g: m["user-cookie"].hex() for g, m in by.items() if "user-cookie" in m},
          {5: "c0ffee", 101: "c0ffee", 103: "000102030405060708090a0b0c0d0e0f", 104: "01", 107: "74"})
    equal("probabilities", {g for g, m in by.items() if "sample-probability" in m}, {101, 103, 104, 105, 106, 107, 108})
    equal("tunnels", {g for g, m in by.items() if "tunnel" in m}, {107, 108})
    t = by[107]["tunnel"]
    equal("tunnel", (t["id"], t["ipv4-src"], t["tp-dst"], t["geneve-opts"].hex()), (0x123456, "192.0.2.1", 6081, "01028001deadbeef"))


def main():
    signal.alarm(10 * PATIENCE)
    print(f"KTAP version 1\n1..{len(TESTS)}")
    for note in sys.argv[3:]:
        print("# " + note, flush=True)
    try:
        setup()
    except Exception as e:  # pylint: disable=broad-except
        print("Bail out! " + " ".join(str(e).split()))
        return 1
    failed = 0
    for n, fn in enumerate(TESTS, 1):
        try:
            fn()
            print(f"ok {n} {fn.__name__}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"# {fn.__name__}: {fn.__doc__}")
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print(f"not ok {n} {fn.__name__}", flush=True)
    print(f"# Totals: pass:{len(TESTS) - failed} fail:{failed} xfail:0 xpass:0 skip:0 error:0")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
