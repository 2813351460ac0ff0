// SPDX-License-Identifier: Apache-2.0

package modmix

import (
	"bytes"
	"encoding/json"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const cookie = "c0ffee01"

// link is a pair of devices; what far sends comes in at near.
type link struct {
	fd int
	to unix.SockaddrLinklayer
}

func newLink(t *testing.T) link {
	t.Helper()
	must(t, "ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
	t.Cleanup(func() { run("ip", "link", "del", "near") })
	must(t, "ip", "link", "set", "near", "up")
	must(t, "ip", "link", "set", "far", "up")
	dev, err := net.InterfaceByName("far")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return link{fd: fd, to: unix.SockaddrLinklayer{Ifindex: dev.Index}}
}

func (l link) remove(t *testing.T) {
	t.Helper()
	must(t, "ip", "link", "del", "near")
}

// frame is a broadcast nobody answers, of a protocol for experiments.
var frame = append(bytes.Repeat([]byte{0xff}, 6), append([]byte{2, 0, 0, 0, 0, 9, 0x88, 0xb5}, bytes.Repeat([]byte{0x5a}, 50)...)...)

// sample sends the frame until a listener has one sample of it and gives its
// cookie.
func (l link) sample(t *testing.T, what string) string {
	t.Helper()
	cmd := exec.Command("psample-listen", "-j", "-c", "1", "-g", "5", "-d", "10s")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			for line := range strings.Lines(out.String()) {
				var s struct {
					Type   string `json:"type"`
					Cookie string `json:"cookie"`
					Data   string `json:"data"`
					Size   int    `json:"orig_size"`
				}
				if json.Unmarshal([]byte(line), &s) != nil || s.Type != "sample" {
					continue
				}
				if want := "ffffffffffff02000000000988b5" + strings.Repeat("5a", 6); s.Data != want || s.Size != len(frame) {
					t.Errorf("%s: sample of %d bytes with data %s, want %d and %s", what, s.Size, s.Data, len(frame), want)
				}
				return s.Cookie
			}
			t.Fatalf("%s: no sample: %v\n%s%s", what, err, out.String(), errs.String())
		case <-time.After(50 * time.Millisecond):
			if err := unix.Sendto(l.fd, frame, 0, &l.to); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// tc samples by tc. Where cookies would be lost, asking for one is an error.
func (l link) tc(t *testing.T, cookies bool) {
	t.Helper()
	add := []string{"tc-sample", "add", "near", "--rate", "1", "--group", "5", "--trunc", "20"}
	status, out := run(append(add, "--cookie", cookie)...)
	want := cookie
	if !cookies {
		if status != 3 {
			t.Errorf("tc sample with a cookie that would be lost: status %d: %s", status, out)
		}
		want = ""
		must(t, add...)
	} else if status != 0 {
		t.Fatalf("tc sample with a cookie: status %d: %s", status, out)
	}
	if got := l.sample(t, "tc"); got != want {
		t.Errorf("tc: sample with cookie %q, want %q", got, want)
	}
	must(t, "tc", "qdisc", "del", "dev", "near", "clsact")
}

// openvswitch samples by Open vSwitch, if that can.
func (l link) openvswitch(t *testing.T, action bool) {
	t.Helper()
	must(t, "ovs-dpctl", "add-dp", "mix", "near")
	status, out := run("ovs-dpctl", "add-flow", "mix", "in_port(1),eth(),eth_type(0x88b5)", "trunc(20),psample(group=5,cookie="+cookie+")")
	switch {
	case !action && status == 0:
		t.Error("the kernel's own openvswitch takes the psample action")
	case action && status != 0:
		t.Errorf("psample action: status %d: %s", status, out)
	case action:
		if got := l.sample(t, "openvswitch"); got != cookie {
			t.Errorf("openvswitch: sample with cookie %q, want %q", got, cookie)
		}
	}
	must(t, "ovs-dpctl", "del-dp", "mix")
}
