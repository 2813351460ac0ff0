// SPDX-License-Identifier: Apache-2.0

package sampling

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ipfix samples for the kernel's listeners and for an IPFIX collector at once,
// then has Open vSwitch limit what goes to itself with a meter: that must not
// cost local samples.
func (b *bed) ipfix(t *testing.T) {
	c := newCollector(t)
	_, err := b.sw.Vsctl(t.Context(), "--id=@b", "get", "Bridge", "br0",
		"--", "--id=@i", "create", "IPFIX", fmt.Sprintf(`targets="%s"`, c.addr), "cache_max_flows=0",
		"--", "create", "Flow_Sample_Collector_Set", "id=4", "bridge=@b", "ipfix=@i", "local_group_id=20")
	if err != nil {
		t.Fatal(err)
	}
	// A set without IPFIX beside it: its samples are the kernel's alone.
	const n = 100
	b.flows(t, sampleAction(4, 65535, 21, 22), sampleAction(1, 65535, 1, 2))
	samples, _ := b.sampled(t, n)
	b.checkAll(t, samples, n, want{20, 21, 22, always}, b.h1)
	b.checkAll(t, samples, n, want{10, 1, 2, always}, b.h2)
	b.count(t, samples, 2*n)
	b.dump(t, 2)
	b.waitExported(t, n)
	c.wait(t, 21)

	b.flows(t, sampleAction(4, 32768, 21, 22), "")
	samples, _ = b.sampled(t, n)
	b.checkHalf(t, samples, n, want{20, 21, 22, half}, b.h1)
	if b.supported {
		// Both are within one sample action: they get the same packets.
		b.waitExported(t, n+len(samples))
	}

	before := b.exported(t)
	if _, err := b.sw.Ofctl(t.Context(), "-O", "OpenFlow13", "add-meter", "br0", "meter=slowpath,pktps,band=type=drop,rate=1"); err != nil {
		t.Fatal(err)
	}
	b.flows(t, sampleAction(4, 65535, 21, 22), "")
	samples, _ = b.sampled(t, n)
	b.checkAll(t, samples, n, want{20, 21, 22, always}, b.h1)
	b.count(t, samples, n)
	if flows := strings.Join(b.dump(t, 1), "\n"); !strings.Contains(flows, "meter(") {
		t.Errorf("no meter in the datapath's flows:\n%s", flows)
	}
	// The meter has dropped most of them before ovs-vswitchd.
	if got := b.exported(t) - before; got >= n/2 {
		t.Errorf("%d of %d packets sampled for IPFIX past a meter of one a second", got, n)
	}

	if _, err := b.sw.Ofctl(t.Context(), "-O", "OpenFlow13", "del-meter", "br0", "meter=slowpath"); err != nil {
		t.Error(err)
	}
}

var sampledPackets = regexp.MustCompile(`id +4: .*sampled pkts=([0-9]+),`)

// exported counts the packets ovs-vswitchd has taken for the collector.
func (b *bed) exported(t *testing.T) int {
	t.Helper()
	text, err := b.sw.Ofctl(t.Context(), "dump-ipfix-flow", "br0")
	m := sampledPackets.FindStringSubmatch(text)
	if err != nil || m == nil {
		t.Fatalf("IPFIX counters: %v in %q", err, text)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// waitExported waits for the thread that handles upcalls.
func (b *bed) waitExported(t *testing.T, want int) {
	t.Helper()
	got := 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = b.exported(t); got >= want {
			break
		}
	}
	if got != want {
		t.Errorf("%d packets sampled for IPFIX, want %d", got, want)
	}
}

// collector is an IPFIX collector that looks at message headers only.
type collector struct {
	addr    string
	domains chan uint32 // of messages with data
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{addr: conn.LocalAddr().String(), domains: make(chan uint32, 1<<10)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, _, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if domain, ok := dataDomain(buf[:n]); ok {
				select {
				case c.domains <- domain:
				default: // nobody waits any more
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return c
}

// dataDomain gives the observation domain of an IPFIX message with a data set
// (RFC 7011, section 3).
func dataDomain(b []byte) (domain uint32, ok bool) {
	const header, version, firstData = 16, 10, 256
	if len(b) < header+4 || binary.BigEndian.Uint16(b) != version {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint16(b[header:]) >= firstData
}

// wait waits for a message with data of this domain; there are others, about
// the exporter itself.
func (c *collector) wait(t *testing.T, domain uint32) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case got := <-c.domains:
			if got == domain {
				return
			}
		case <-timeout:
			t.Errorf("no data of observation domain %d has come to the IPFIX collector", domain)
			return
		}
	}
}
