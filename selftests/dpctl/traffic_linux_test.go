// SPDX-License-Identifier: Apache-2.0

package dpctl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// recorder sees every netlink message of this network namespace, by way of an
// nlmon device.
type recorder struct {
	fd       int
	families map[uint16]string
}

func record(t *testing.T) *recorder {
	t.Helper()
	must(t, "ip", "link", "add", "nlmon0", "type", "nlmon")
	t.Cleanup(func() { must(t, "ip", "link", "del", "nlmon0") })
	must(t, "ip", "link", "set", "nlmon0", "up")
	link, _, _ := strings.Cut(must(t, "ip", "-o", "link", "show", "nlmon0"), ":")
	var ifindex int
	if _, err := fmt.Sscan(link, &ifindex); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20000}))
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{fd: fd, families: map[uint16]string{16: "nlctrl"}} // GENL_ID_CTRL
	for _, name := range []string{
		uapi.OVS_DATAPATH_FAMILY, uapi.OVS_VPORT_FAMILY, uapi.OVS_FLOW_FAMILY, uapi.OVS_PACKET_FAMILY,
		uapi.OVS_METER_FAMILY, uapi.OVS_CT_LIMIT_FAMILY, "psample",
	} {
		f, err := nl.LookupFamily(nil, name, name)
		if err != nil {
			t.Fatal(err)
		}
		r.families[f.ID] = name
	}
	return r
}

// request is a message that somebody sent to the kernel.
type request struct {
	family  string // "route", "netfilter" or that of generic netlink
	command uint16
	dump    bool
}

func (r request) String() string {
	return fmt.Sprintf("%s command %d (dump: %t)", r.family, r.command, r.dump)
}

// reads are the commands that change nothing.
var reads = map[string][]uint16{
	"nlctrl":                 {3}, // CTRL_CMD_GETFAMILY
	uapi.OVS_DATAPATH_FAMILY: {uapi.OVS_DP_CMD_GET},
	uapi.OVS_VPORT_FAMILY:    {uapi.OVS_VPORT_CMD_GET},
	uapi.OVS_FLOW_FAMILY:     {uapi.OVS_FLOW_CMD_GET},
	uapi.OVS_METER_FAMILY:    {uapi.OVS_METER_CMD_GET, uapi.OVS_METER_CMD_FEATURES},
	uapi.OVS_CT_LIMIT_FAMILY: {uapi.OVS_CT_LIMIT_CMD_GET},
	"route":                  {uapi.RTM_GETLINK, uapi.RTM_GETTFILTER},
	"netfilter":              {1<<8 | 1}, // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
}

func (r request) reads() bool { return slices.Contains(reads[r.family], r.command) }

// drain gives what was sent to the kernel since it was called last.
func (r *recorder) drain(t *testing.T) []request {
	t.Helper()
	var out []request
	buf := make([]byte, 1<<16)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		n, from, err := unix.Recvfrom(r.fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) {
			// A count of what did not fit since it was asked for last.
			stats, err := unix.GetsockoptTpacketStats(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
			if err != nil || stats.Drops > 0 {
				t.Fatalf("not everything was recorded: %+v, %v", stats, err)
			}
			return out
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ll := from.(*unix.SockaddrLinklayer)
		out = append(out, r.requests(t, buf[:n], ll.Protocol<<8|ll.Protocol>>8)...)
	}
	t.Fatal("netlink never falls silent")
	return nil
}

func (r *recorder) requests(t *testing.T, b []byte, protocol uint16) []request {
	var out []request
	const header = 16 // struct nlmsghdr
	for len(b) >= header {
		size := int(binary.NativeEndian.Uint32(b))
		typ, flags := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
		if size < header || size > len(b) {
			t.Errorf("a message of %d bytes in %d", size, len(b))
			break
		}
		q := request{family: fmt.Sprintf("netlink %d", protocol), command: typ, dump: flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP}
		switch {
		case protocol == unix.NETLINK_ROUTE:
			q.family = "route"
		case protocol == unix.NETLINK_NETFILTER:
			q.family = "netfilter"
		case protocol == unix.NETLINK_GENERIC && size > header:
			q.family, q.command = r.families[typ], uint16(b[header])
		}
		// The device does not tell directions; what the kernel says is no request.
		if flags&unix.NLM_F_REQUEST != 0 {
			out = append(out, q)
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return out
}

// TestReadsOnlyRead records what commands that show send to the kernel: nothing
// that changes anything. That the recorder would see it is shown by commands
// that do.
func TestReadsOnlyRead(t *testing.T) {
	needLab(t)
	ours, theirs := tools(t)
	hosts(t)
	ours.must(t, "add-dp", "d0", "p1", "p2")
	t.Cleanup(func() { ours.run(t, "del-dp", "d0", "--force") })
	ours.must(t, "add-flow", "d0", ufid+","+toWeb, "2")
	ours.must(t, "dump-conntrack") // loads the module
	r := record(t)
	commands := append([][]string{
		{"doctor"}, {"doctor", "-j"}, {"dump-meters", "d0", "meter=1-5"}, {"meter-features", "d0"}, {"monitor", "-d", "50ms"}, {"monitor", "--flows", "-d", "50ms"},
		{"psample-events", "-d", "50ms"}, {"show", "-j"}, {"dump-flows", "-j"}, {"dump-flows", "-m", "--no-names"}, {"dump-flows", "type=tc"},
		{"cache-get-size", "-j"}, {"ct-get-limits", "-j"}, {"dump-conntrack", "-j"}, {"get-flow", "-j", ufid}, {"dump-dps", "-j"},
	}, sample(shown, 4)...)
	seen := map[string]int{}
	for _, words := range commands {
		r.drain(t)
		ours.run(t, words...)
		requests := r.drain(t)
		for _, q := range requests {
			if !q.reads() {
				t.Errorf("%q sent %v", words, q)
			}
			seen[q.family]++
		}
		if len(requests) == 0 && words[0] != "--read-only" && !strings.Contains(strings.Join(words, " "), "filter=foo") {
			t.Errorf("%q sent nothing at all", words)
		}
	}
	t.Logf("requests of %d commands: %v", len(commands), seen)
	for family := range reads {
		if seen[family] == 0 {
			t.Errorf("%s was asked for nothing", family)
		}
	}
	for _, words := range [][]string{
		{"add-flow", "d0", back, "1"}, {"mod-flow", "d0", back, "drop"}, {"del-flow", "d0", back}, {"del-flows", "d0"}, {"cache-set-size", "d0", "masks-cache", "512"},
		{"add-if", "d0", "int0,type=internal"}, {"del-if", "d0", "int0"}, {"ct-set-limits", "zone=1,limit=1"}, {"ct-del-limits", "zone=1"}, {"flush-conntrack"},
		{"add-meter", "d0", "meter=1,kbps,band=type=drop,rate=5"}, {"del-meter", "d0", "meter=1"}, {"add-dp", "d1"}, {"del-dp", "d1"},
	} {
		r.drain(t)
		ours.must(t, words...)
		if !changes(r.drain(t)) {
			t.Errorf("%q: nothing was seen that changes anything", words)
		}
	}
	r.drain(t)
	theirs.must(t, "show")
	if !changes(r.drain(t)) {
		t.Error("Open vSwitch's show changes nothing any more: the README says it does")
	}
}

func changes(requests []request) bool {
	return slices.ContainsFunc(requests, func(q request) bool { return !q.reads() })
}
