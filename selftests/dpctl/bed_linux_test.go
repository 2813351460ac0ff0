// SPDX-License-Identifier: Apache-2.0

package dpctl

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/selftests/proc"
)

// patience bounds every step; only a hang reaches it.
const patience = 30 * time.Second

// needLab keeps the tests off a machine that has an Open vSwitch of its own.
func needLab(t *testing.T) {
	t.Helper()
	if os.Getenv("DPLAB_KERNEL") == "" {
		t.Skip("makes devices and datapaths: run it in a lab guest (.ci/test-dpctl does)")
	}
}

// tool is one of the two programs.
type tool string

// ours and theirs are the two programs called ovs-dpctl.
func tools(t *testing.T) (ours, theirs tool) {
	t.Helper()
	our, err := exec.LookPath("ovs-dpctl")
	if err != nil {
		t.Fatal(err)
	}
	neighbour, err := exec.LookPath("ovs-vsctl")
	if err != nil {
		t.Fatalf("Open vSwitch is not there: %v", err)
	}
	their := filepath.Join(filepath.Dir(neighbour), "ovs-dpctl")
	if our == their {
		t.Fatalf("%s is found first: dpscope's tools are not in PATH", their)
	}
	return tool(our), tool(their)
}

// result is what a command did.
type result struct {
	out, errs string
	status    int
}

// run runs a command line; words are separated by blanks, quotes keep them
// together.
func (p tool) run(t *testing.T, words ...string) result {
	t.Helper()
	// Also what cleans up comes here, when the test's context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, string(p), words...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Stdin = &out, &errs, strings.NewReader("")
	status, err := proc.Status(cmd.Run())
	if err != nil {
		t.Fatalf("%s %q: %v", p, words, err)
	}
	return result{out.String(), errs.String(), status}
}

// must runs a command that has to succeed and gives its output.
func (p tool) must(t *testing.T, words ...string) string {
	t.Helper()
	r := p.run(t, words...)
	if r.status != 0 {
		t.Fatalf("%s %q: status %d: %s", p, words, r.status, r.errs)
	}
	return r.out
}

// must runs any program.
func must(t *testing.T, words ...string) string { return tool(words[0]).must(t, words[1:]...) }

// sample is every nth of a list of cases with -short, else all of them.
func sample[T any](list []T, n int) []T {
	if !testing.Short() {
		return list
	}
	var out []T
	for i := 0; i < len(list); i += n {
		out = append(out, list[i])
	}
	return out
}

// hosts makes two hosts, h1 and h2 at 10.0.0.1 and 10.0.0.2, each with a port in
// this namespace, p1 and p2. IPv6 is kept quiet: packets are counted.
func hosts(t *testing.T) {
	t.Helper()
	for i := 1; i <= 2; i++ {
		h, p := fmt.Sprintf("h%d", i), fmt.Sprintf("p%d", i)
		quiet(t, "")
		must(t, "ip", "netns", "add", h)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", h).Run() })
		must(t, "ip", "link", "add", p, "type", "veth", "peer", "name", "eth0", "address", fmt.Sprintf("02:00:00:00:00:0%d", i), "netns", h)
		t.Cleanup(func() { _ = exec.Command("ip", "link", "del", p).Run() })
		quiet(t, h)
		must(t, "ip", "-n", h, "addr", "add", fmt.Sprintf("10.0.0.%d/24", i), "dev", "eth0")
		must(t, "ip", "-n", h, "link", "set", "eth0", "up")
	}
	for i := 1; i <= 2; i++ {
		must(t, "ip", "-n", fmt.Sprintf("h%d", i), "neigh", "add", fmt.Sprintf("10.0.0.%d", 3-i), "lladdr", fmt.Sprintf("02:00:00:00:00:0%d", 3-i), "dev", "eth0")
	}
}

func quiet(t *testing.T, netns string) {
	t.Helper()
	// Where IPv6 is a module the first socket loads it, and it comes up on all
	// devices there are.
	if fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		_ = unix.Close(fd)
	}
	inNS(t, netns, func() error {
		for _, dev := range []string{"all", "default"} {
			err := os.WriteFile("/proc/sys/net/ipv6/conf/"+dev+"/disable_ipv6", []byte("1"), 0)
			if err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		return nil
	})
}

func inNS(t *testing.T, netns string, fn func() error) {
	t.Helper()
	ns, err := nl.OpenNetNS(netns)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := ns.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// connections makes tracked connections of several kinds: an open TCP
// connection, one that was reset, one that half of was closed, one never
// answered, and UDP and ICMP.
func connections(t *testing.T) {
	t.Helper()
	// None of them shall end by itself meanwhile.
	for _, name := range []string{"udp_timeout", "icmp_timeout", "tcp_timeout_close", "tcp_timeout_close_wait"} {
		if err := os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_"+name, []byte("600"), 0); err != nil {
			t.Fatal(err)
		}
	}
	// Packets are counted: none shall come by itself later, to see whether a
	// connection still lives.
	var l net.Listener
	inNS(t, "h2", func() (err error) {
		l, err = (&net.ListenConfig{KeepAlive: -1}).Listen(t.Context(), "tcp4", "10.0.0.2:80")
		return err
	})
	t.Cleanup(func() { l.Close() })
	dial := func() (client, server net.Conn) {
		inNS(t, "h1", func() (err error) {
			client, err = (&net.Dialer{Timeout: patience, KeepAlive: -1}).DialContext(t.Context(), "tcp4", "10.0.0.2:80")
			return err
		})
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close(); server.Close() })
		return client, server
	}
	dial()
	reset, server := dial()
	if err := reset.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	reset.Close()
	_, _ = server.Read(make([]byte, 1)) // until the reset is there
	half, server := dial()
	if err := half.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_, _ = server.Read(make([]byte, 1))
	inNS(t, "h1", func() error {
		c, err := net.Dial("udp4", "10.0.0.2:53")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("dpscope"))
		return err
	})
	must(t, "ip", "netns", "exec", "h1", "ping", "-q", "-c", "2", "-i", "0.1", "10.0.0.2")
}
