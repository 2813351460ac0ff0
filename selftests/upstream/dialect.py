#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds ovs-dpctl in its dialect kselftest against ovs-dpctl.py itself.

dialect.py TREE OURS [NOTE...]: TREE is laid out as the kernel's source, with the
Open vSwitch selftests; OURS is our program under the other's name. Each command
is given to both, each in a network namespace of its own that has the same in it,
and standard output and exit status must be equal. It makes and removes network
namespaces, so it wants a guest to throw away. The report is KTAP, with the notes
at its head; status 1 if anything failed.

What may differ, and is taken out before:
  ufid   The Python tool makes up ids, and prints 0000 for the fifth group's
         first half: the group is left out, and made-up ids are.
  used   It prints a fraction of binary digits; the time is not the same anyway.
  order  Flows come in the order of a hash that the id decides: lines are sorted.
  error  It prints a refused request on standard output: that of a command that
         fails counts only where it is a message of its own ("DP 'x' not found.").
  pid    The number of a socket.
  pad    For an attribute of a tunnel that only pads it prints a comma. Kernels
         of some architectures, user-mode Linux before 7.2 among them, pad.
"""

import os
import py_compile
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TREE, OURS = sys.argv[1:3]
DIR = os.path.join(TREE, "tools/testing/selftests/net/openvswitch")
PYTHON = os.path.join(DIR, "ovs-dpctl.py")
# What only the newer tool has is left out with the older one.
NEW = "mod-flow" in open(PYTHON, encoding="utf-8").read()
PATIENCE = 60
# Compiled once: a script is compiled anew each time it is started.
COMPILED = py_compile.compile(PYTHON, os.path.join(tempfile.mkdtemp(), "ovs-dpctl.pyc"), doraise=True)
TOOLS = {"theirs": ["python3", COMPILED], "ours": [OURS]}


def run(*args):
    done = subprocess.run(args, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        raise AssertionError(f"{args}: status {done.returncode}: {done.stderr}")
    return done.stdout


def call(tool, args, ns=None):
    """One command: exit status and standard output."""
    cmd = ["ip", "netns", "exec", ns or tool] + TOOLS[tool] + list(args)
    done = subprocess.run(cmd, capture_output=True, text=True, timeout=PATIENCE)
    if tool == "ours" and "goroutine" in done.stderr:
        raise AssertionError(f"{args}: {done.stderr}")
    return done.returncode, done.stdout, done.stderr


def plain(text, made_up=True):
    """What is left of an output when all that may differ is taken out."""
    ufid = r"ufid:\1-\2" if not made_up else "ufid"
    text = re.sub(r"ufid:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4})-[0-9a-f]{4}([0-9a-f]{8})", ufid, text)
    text = re.sub(r"used:[0-9.e-]+s", "used:some", text)
    text = text.replace("tunnel(,", "tunnel(")
    text = re.sub(r"handler: [0-9]+", "handler: PID", text)
    return text


def both(*args, rc=0, out=None):
    """Gives a command to both, each in its namespace."""
    theirs, ours = call("theirs", args), call("ours", args)
    if ours[0] != rc:
        raise AssertionError(f"{args}: ours ends with {ours[0]}, not {rc}: {ours[1]}{ours[2]}")
    if theirs[0] != rc:
        raise AssertionError(f"{args}: theirs ends with {theirs[0]}, not {rc}: {theirs[1]}{theirs[2]}")
    got, want = plain(ours[1]), plain(theirs[1])
    if rc == 0 or "not found" in want:
        equal(args, got, want)
    elif got:
        raise AssertionError(f"{args}: ours prints {got!r} and fails")
    if out is not None:
        equal(args, got, out)
    return ours[1]


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}:\nours   {got}\ntheirs {want}")


TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def setup():
    for module in ("psample", "openvswitch", "veth", "vxlan", "geneve", "ip_gre", "vport-vxlan", "vport-geneve", "vport-gre", "8021q", "nf_conntrack"):
        run("modprobe", module)
    # With one processor the Python tool asks for no upcall socket at all.
    if os.cpu_count() == 1:
        os.environ["PYTHON_CPU_COUNT"] = "2"
    for ns in TOOLS:
        run("ip", "netns", "add", ns)
        # What the system sends by itself would be upcalls, too.
        run("ip", "netns", "exec", ns, "sysctl", "-q", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1")
        for a, b in (("v0", "v1"), ("w0", "w1")):
            run("ip", "-n", ns, "link", "add", a, "type", "veth", "peer", "name", b)
            for dev in (a, b):
                run("ip", "-n", ns, "link", "set", dev, "arp", "off", "up")


def cleanup():
    for ns in TOOLS:
        subprocess.run(["ip", "netns", "del", ns], check=False)


@test
def nothing():
    """Without a command nothing happens; -h is help; usage errors are 2."""
    both(out="")
    for tool in TOOLS:
        rc, out, _ = call(tool, ["-h"])
        assert rc == 0 and "usage" in out.lower() and "Need to" not in out, out
    for args in (["frob"], ["show", "a", "b"], ["add-if", "br0"], ["add-if", "-t", "tulip", "br0", "v0"], ["add-dp", "-v", "x"], ["--frob"]):
        both(*args, rc=2, out="")


@test
def datapaths():
    """Datapaths there and not there."""
    both("show", out="No DP found\n")
    both("show", "br0", out="No DP found:'br0'\n")
    both("add-dp", "br0", out="DP 'br0' added\n")
    both("add-dp", "br0", out="DP 'br0' already exists\n")
    both("show")
    both("show", "v0", out="No DP found:'v0'\n")
    both("add-dp", "--vers", "2:1", "br1")
    both("add-dp", "-V", "0x2:0x3", "br2")
    both("add-dp", "-V", "1", "br4", out="DP 'br4' added\n")
    both("show")
    # A request of such an age takes the features away.
    both("add-dp", "br4", "-V", "0", out="DP 'br4' already exists\n")
    assert "0x0" in both("show", "br4")
    both("del-dp", "br4", out="")
    both("add-dp", "-V", "x", "br3", rc=1)
    both("add-dp", "-V", "2:999999999", "br3", rc=1)
    both("add-dp", "a-name-that-is-too-long", rc=1)
    out = both("show")
    for line in ("  features: 0x8", "  features: 0x1", "  features: 0x3"):
        assert line in out, out
    both("del-dp", "br2", out="")
    both("del-dp", "br2", out="")
    both("show", "br1")


@test
def ports():
    """Ports of all types."""
    both("add-if", "br0", "v0", out="")
    both("add-if", "br0", "v0", out="")
    both("add-if", "-t", "netdev", "br0", "w0", out="")
    both("add-if", "nope", "w0", rc=1, out="DP 'nope' not found.\n")
    both("add-if", "br0", "nodev", rc=1)
    both("add-if", "br0", "lo", rc=1)
    both("add-if", "-t", "internal", "br0", "i0", out="")
    both("add-if", "--ptype", "internal", "br0", "i1", out="")
    both("add-if", "-t", "geneve", "br0", "g0", out="")
    both("add-if", "-tvxlan", "-p", "4790", "br0", "x0", out="")
    both("add-if", "-t", "vxlan", "br0", "x0", rc=1)
    for dev in ("g0", "x0"):
        same_device(dev)
    if NEW:
        both("add-if", "-t", "gre", "br0", "r0", out="")
        both("add-if", "-l", "-t", "geneve", "-p", "7000", "br1", "g1", out="")
        both("add-if", "--no-lwt", "-t", "vxlan", "br1", "x2", out="")
        both("add-if", "--no-lwt", "-t", "geneve", "-p", "6082", "br1", "g2", out="")
        for dev in ("r0", "g1"):
            same_device(dev)
        # There can be one such device. The Python tool takes that for "it is a
        # port already", and says nothing.
        for tool, rc in (("theirs", 0), ("ours", 1)):
            got = call(tool, ["add-if", "--no-lwt", "-t", "gre", "br1", "r2"])
            assert got[0] == rc, got
        both("del-if", "-d", "1", "br0", "r0", out="")
        both("add-if", "--no-lwt", "-t", "gre", "br1", "r2", out="")
    out = both("show")
    for line in ["br0 (internal)", "v0 (netdev)", "i0 (internal)", "g0 (netdev)"] + (["x2 (vxlan tnl-dport:4789)", "r2 (gre)"] if NEW else []):
        assert line in out, out
    both("del-if", "br0", "nodev", out="")
    both("del-if", "nope", "v0", rc=1, out="DP 'nope' not found.\n")
    both("del-if", "br0", "br0", rc=1)
    both("del-if", "br0", "i1", out="")
    both("del-if", "-d", "1", "br0", "g0", out="")
    both("del-if", "br0", "x0", "--dellink", "yes", out="")
    both("del-if", "br0", "nodev", "-d", "1", rc=1)
    both("show", "br0")
    for dev in ("g0", "x0"):
        for ns in TOOLS:
            assert subprocess.run(["ip", "-n", ns, "link", "show", dev], capture_output=True).returncode != 0, dev


def same_device(dev):
    """A device made by the one is as that made by the other."""
    texts = {}
    for ns in TOOLS:
        text = run("ip", "-n", ns, "-d", "link", "show", "dev", dev)
        text = re.sub(r"^[0-9]+: ", "", text)
        texts[ns] = re.sub(r"link/ether [0-9a-f:]+", "link/ether MAC", text)
    equal(dev, texts["ours"], texts["theirs"])


ETH = "in_port(1),eth(),"
# Flows that both send alike, with actions. Each has a port of its own: the kernel
# refuses flows that overlap.
FLOWS = [
    ("in_port(1),eth(),eth_type(0x0806),arp()", "2"),
    ("in_port(2),eth(),eth_type(0x0800),ipv4()", "trunc(100),2"),
    ("in_port(3),eth(),eth_type(0x0806),arp()", "drop"),
    ("in_port(4),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(src=172.31.110.1,dst=172.31.110.2,proto=17),udp(src=5,dst=6)", "1"),
    ("in_port(5),eth(src=02:00:00:00:00:00/ff:ff:ff:00:00:00),eth_type(0x0800),ipv4(src=10.0.0.0/8,proto=6,tos=0x10,ttl=64),tcp(dst=80),tcp_flags(0x2)", "ct(commit,zone=4)"),
    ("in_port(6),eth(),eth_type(0x0800),ipv4(proto=6),tcp(),tcp_flags(0x12)", "ct(commit,nat(src=10.0.0.1-10.0.0.9:10-20)),recirc(0x7)"),
    ("ct_state(-trk),in_port(7),eth(),eth_type(0x0800),ipv4()", "ct_clear"),
    ("ct_state(+trk+est-inv),in_port(8),eth(),eth_type(0x0800),ipv4()", "recirc(5)"),
    ("skb_priority(3),skb_mark(7),recirc_id(0x1f),dp_hash(0xab),in_port(9),eth(),eth_type(0x0800),ipv4()", "clone(trunc(20),2)"),
    ("tunnel(tun_id=17,src=10.0.0.1,dst=10.0.0.2,tos=4,ttl=64,flags(df|csum)),in_port(10),eth(),eth_type(0x0800),ipv4()", "set(ipv4(src=1.2.3.4,dst=5.6.7.8,proto=0,tos=0,ttl=0,frag=0))"),
    ("in_port(11),eth(),eth_type(0x0800),ipv4(proto=1),icmp()", "sample(sample=12.5%,actions(2))"),
    ("in_port(12),eth(),eth_type(0x0800),ipv4(proto=17),udp(dst=53)", "userspace(pid=5,userdata=c0ffee)"),
    ("in_port(13),eth(),eth_type(0x86dd),ipv6()", "psample(group=7,cookie=c0ffee)"),
    ("in_port(14),eth(),eth_type(0x86dd),ipv6(src=fe80::1,dst=fe80::2)", "psample(group=7),trunc(19)"),
    ("in_port(15),eth(src=02:00:00:00:00:07),eth_type(0x1234)", "1"),
]
NEW_FLOWS = [
    ("in_port(16),eth(),eth_type(0x0800),ipv4(dst=9.9.9.9)", "push_vlan(vid=5,pcp=3),1"),
    ("in_port(17),eth(),eth_type(0x0800),ipv4(dst=9.9.9.8)", "dec_ttl(le_1()),1"),
    ("in_port(18),eth(),eth_type(0x8100),vlan(vid=10,pcp=3),encap(eth_type(0x0800),ipv4())", "pop_vlan,2"),
]
# Flows of which one tool does not send what was written: what is seen of it when
# ours sent it, and theirs; None for a refusal.
DIFFERENT = [
    # The mask of an operation is its value. The kernel keeps eight bits of it.
    ("in_port(2),eth(),eth_type(0x0806),arp(op=3)", "2", "arp(op=3/255,,),", "arp(op=3/3,,),"),
    # A prefix of IPv6 becomes the mask of the other end.
    ("in_port(1),eth(),eth_type(0x86dd),ipv6(src=2001:db8::/32)", "2", "ipv6(src=2001:db8::/ffff:ffff::,", "ipv6(src="),
    # What it does not know ends the flow there.
    ("in_port(1),eth(src=02:00:00:00:00:09),eth_type(0x1234),frob()", "2", None, "eth(src=02:00:00:00:00:09/FF:FF:FF:FF:FF:FF,),"),
    # Masks of these are refused.
    ("skb_mark(0x1/0xf),in_port(1),eth(src=02:00:00:00:00:0a),eth_type(0x1234)", "2", "skb_mark(1/15),in_port(1)", None),
    ("in_port(1),eth(src=02:00:00:00:00:0b),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0)", "2", "ipv4(src=10.0.0.0/255.0.0.0,", "ipv4(src=10.0.0.0/255.0.0.0,"),
]


def dump(reader, ns, *words):
    """The flows of a namespace as one of the tools tells them."""
    rc, out, err = call(reader, [*words, "dump-flows", "br0"], ns=ns)
    if rc != 0:
        raise AssertionError(f"{reader} dumps {ns}: {rc}: {err}")
    return sorted(plain(out, made_up=words == ()).splitlines())


@test
def flows():
    """Flows of either tool, told by either."""
    for flow, actions in FLOWS + (NEW_FLOWS if NEW else []):
        both("add-flow", "br0", flow, actions, out="")
    for words in ((), ("-v",)):
        for ns in TOOLS:
            equal(f"{words} flows of {ns}", "\n".join(dump("ours", ns, *words)), "\n".join(dump("theirs", ns, *words)))
    got, want = dump("ours", "ours"), dump("ours", "theirs")
    equal("flows sent", "\n".join(got), "\n".join(want))
    if len(got) != len(FLOWS) + (len(NEW_FLOWS) if NEW else 0):
        raise AssertionError(f"{len(got)} flows of {len(FLOWS)}: {got}")


@test
def ids():
    """Flows by id, and what mod-flow does."""
    flow = "ufid:00000001-0002-0003-0004-000500060007,in_port(20),eth(src=02:00:00:00:01:01),eth_type(0x0800),ipv4()"
    both("add-flow", "br0", flow, "2", out="")
    got = [line for line in call("ours", ["-v", "dump-flows", "br0"])[1].splitlines() if "02:00:00:00:01:01" in line]
    assert len(got) == 1 and got[0].startswith("ufid:00000001-0002-0003-0004-000500060007,"), got
    if NEW:
        both("mod-flow", "br0", flow, "drop", out="")
        both("mod-flow", "br0", flow, out="")
        equal("changed flows", "\n".join(dump("ours", "ours")), "\n".join(dump("theirs", "theirs")))
        both("mod-flow", "br0", "in_port(21),eth(src=02:00:00:00:03:03),eth_type(0x1234)", "1", rc=1)
        both("mod-flow", "nope", flow, "1", rc=1, out="DP 'nope' not found.\n")
    # Written again it is the same flow: this is no error.
    both("add-flow", "br0", flow, "trunc(33),2", out="")
    # Another one for the same packets is.
    both("add-flow", "br0", "in_port(2),eth(src=02:00:00:00:01:01),eth_type(0x0800),ipv4()", "2", rc=1)
    equal("replaced flows", "\n".join(dump("ours", "ours")), "\n".join(dump("theirs", "theirs")))


@test
def differences():
    """What the Python tool does otherwise, and ours better."""
    for flow, actions, ours, theirs in DIFFERENT:
        for tool, want in (("ours", ours), ("theirs", theirs)):
            both("del-flows", "br0", out="")
            rc, _, err = call(tool, ["add-flow", "br0", flow, actions])
            if (rc != 0) != (want is None):
                raise AssertionError(f"{tool}: {flow}: status {rc}: {err}")
            if want is None:
                continue
            got = "\n".join(dump("ours", tool))
            if want not in got:
                raise AssertionError(f"{tool}: {flow}: {want} is not in {got}")


@test
def refused():
    """What the kernel and the parsers refuse."""
    cookie = "ff" * 17
    arp = ETH + "eth_type(0x0806),arp()"
    for actions in (f"psample(group=1,cookie={cookie})", "psample()", "psample(cookie=ff)", "frob", "trunc(1", "push_vlan(vid=9999)", "drop(0),2"):
        both("add-flow", "br0", arp, actions, rc=1)
    both("add-flow", "br0", ETH + "eth_type(0x0800),ipv4(proto=1)", "2", rc=1)
    both("add-flow", "nope", arp, "2", rc=1, out="DP 'nope' not found.\n")
    both("dump-flows", "nope", rc=1, out="DP 'nope' not found.\n")
    both("del-flows", "nope", rc=1, out="DP 'nope' not found.\n")
    both("add-flow", "br0", arp, rc=2)


ARP = bytes.fromhex("ffffffffffff" "020000000001" "0806" "0001080006040001" "020000000001" "0a000001" "000000000000" "0a000002")
IPV4 = bytes.fromhex("020000000002" "020000000001" "0800" "450000280001000040110000") + socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2") + bytes.fromhex("0fa0003500140000") + bytes(12)
TCP = bytes.fromhex("020000000002" "020000000001" "0800" "450000280001000040060000") + socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2") + bytes.fromhex("0fa00050000000010000000050021000") + bytes(4)
ICMP = bytes.fromhex("020000000002" "020000000001" "0800" "4500001c0001000040010000") + socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2") + bytes.fromhex("0800f7ff00000000")
IPV6 = bytes.fromhex("020000000002" "020000000001" "86dd" "60000000000811ff") + socket.inet_pton(socket.AF_INET6, "fe80::1") + socket.inet_pton(socket.AF_INET6, "fe80::2") + bytes.fromhex("0fa0003500080000")
FRAMES = [ARP, IPV4, TCP, ICMP, IPV6]
SENDER = "import socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind((sys.argv[1],0))\n[s.send(bytes.fromhex(f)) for f in sys.argv[2:]]"


def send(ns, dev, *frames):
    run("ip", "netns", "exec", ns, "python3", "-c", SENDER, dev, *(f.hex() for f in frames))


class Listener:
    """A command that goes on to print."""

    def __init__(self, tool, *args):
        # Its first line is not flushed by the Python tool: -u makes it.
        python = ["python3", "-u", COMPILED] if tool == "theirs" else TOOLS[tool]
        self.proc = subprocess.Popen(["ip", "netns", "exec", tool] + python + list(args), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.name, self.text = (tool, *args), ""

    def lines(self, n):
        end = time.monotonic() + PATIENCE
        while self.text.count("\n") < n:
            ready, _, _ = select.select([self.proc.stdout], [], [], max(0, end - time.monotonic()))
            part = os.read(self.proc.stdout.fileno(), 65536).decode() if ready else ""
            if not part:
                self.end()
                raise AssertionError(f"{self.name}: {n} lines are due, there are: {self.text!r} {self.proc.stderr.read()}")
            self.text += part
        return self.text.splitlines()

    def end(self):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.wait(PATIENCE)


def listen(args, ready, frames, due):
    """Has both listen, sends frames, and compares what they say."""
    told = {}
    for tool in TOOLS:
        listener = Listener(tool, *args)
        try:
            first = listener.lines(1)[0]
            assert ready in first, first
            pid = first.rpartition(":")[2].strip()
            frames(tool, pid)
            told[tool] = [plain(line) for line in listener.lines(due + 1)[: due + 1]]
        finally:
            listener.end()
        if tool == "ours" and listener.proc.returncode != 0:
            raise AssertionError(f"{args}: ended with {listener.proc.returncode}: {listener.proc.stderr.read()}")
    equal(args, "\n".join(told["ours"]), "\n".join(told["theirs"]))
    return told["ours"]


@test
def upcalls():
    """Upcalls of packets without a flow, and of a userspace action."""
    both("del-if", "br0", "w0", out="")

    def frames(ns, pid):
        send(ns, "w1", *FRAMES)
        rc, _, err = call("ours", ["add-flow", "br1", "in_port(%s),eth(),eth_type(0x0806),arp()" % port(ns), f"userspace(pid={pid},userdata=01)"], ns=ns)
        assert rc == 0, err
        send(ns, "w1", ARP)

    got = listen(["add-if", "-u", "-t", "netdev", "br1", "w0"], "listening on upcall packet handler: ", frames, len(FRAMES) + 1)
    assert got[1].startswith("MISS upcall[0/yes]: ") and "arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=" in got[1], got
    assert got[-1] == "userspace action command", got
    both("del-flows", "br1", out="")
    # Again: the port is there and gets another receiver.
    listen(["add-if", "--upcall", "br1", "w0"], "listening", lambda ns, _: send(ns, "w1", ARP), 1)


def port(ns):
    """The number of w0."""
    return re.search(r"port ([0-9]+): w0 ", call("ours", ["show", "br1"], ns=ns)[1])[1]


@test
def samples():
    """Samples as psample-events tells them."""
    both("del-flows", "br0", out="")
    both("add-flow", "br0", ETH + "eth_type(0x0806),arp()", "trunc(14),psample(group=1,cookie=c0ffee)", out="")
    both("add-flow", "br0", ETH + "eth_type(0x0800),ipv4()", "sample(sample=100%,actions(psample(group=2)))", out="")
    got = listen(["psample-events"], "listening for psample events", lambda ns, _: send(ns, "v1", ARP, IPV4), 2)
    assert got[1] == "rate:4294967295,group:1,cookie:c0ffee data:ffffffffffff0200000000010806", got


@test
def removed():
    """Nothing is left."""
    for dp in ("br0", "br1"):
        both("del-dp", dp, out="")
    both("show", out="No DP found\n")


def main():
    signal.alarm(15 * PATIENCE)
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
        begin = time.monotonic()
        try:
            fn()
            print(f"ok {n} {fn.__name__}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"# {fn.__name__}: {fn.__doc__}")
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print(f"not ok {n} {fn.__name__}", flush=True)
        print(f"# {fn.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
    print(f"# Totals: pass:{len(TESTS) - failed} fail:{failed} xfail:0 xpass:0 skip:0 error:0")
    cleanup()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
