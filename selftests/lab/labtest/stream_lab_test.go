// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func noise(n int) []byte {
	data := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(data)
	return data
}

func TestStdinPipe(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 4095, 4096, 256<<10 + 1, 20 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			data := noise(size)
			g := command(t, nil, "sha256sum")
			g.Stdin = bytes.NewReader(data)
			if got := g.status(t); got != 0 {
				t.Fatalf("status %d, %s", got, g.errs.String())
			}
			if want := fmt.Sprintf("%x  -\n", sha256.Sum256(data)); g.out.String() != want {
				t.Errorf("%q, want %q", g.out.String(), want)
			}
		})
	}
}

func TestStdinFile(t *testing.T) {
	t.Parallel()
	data := noise(1<<20 + 3)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// What was read before is not to come again.
	if _, err := f.Seek(1000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	g := command(t, nil, "cat")
	g.Stdin = f
	if got := g.status(t); got != 0 || !bytes.Equal(g.out.Bytes(), data[1000:]) {
		t.Errorf("status %d, %d bytes of %d came back or differ", got, g.out.Len(), len(data)-1000)
	}
}

// TestStdinStream has a conversation: every line must come through at once.
func TestStdinStream(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "sh", "-c", "echo up; while read -r l; do echo \"got $l\"; done; echo end")
	in, err := g.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.startPipe()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(r)
	expect := func(want string) {
		t.Helper()
		if got, err := lines.ReadString('\n'); got != want+"\n" {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
	}
	expect("up")
	start := time.Now()
	for i := range 50 {
		fmt.Fprintf(in, "line %d\n", i)
		expect(fmt.Sprintf("got line %d", i))
	}
	// A lost wake-up costs 250 ms; it may happen, not regularly.
	if d := time.Since(start); d > 8*time.Second {
		t.Errorf("50 lines took %v", d)
	}
	_ = in.Close()
	expect("end")
	if got := exitStatus(t, g.Wait()); got != 0 {
		t.Errorf("status %d, %s", got, g.errs.String())
	}
}

func TestStdinUnread(t *testing.T) {
	t.Parallel()
	for name, stdin := range map[string]io.Reader{"much": bytes.NewReader(noise(30 << 20)), "endless": endless{}} {
		t.Run(name, func(t *testing.T) {
			g := command(t, nil, "head", "-c", "5")
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			g.Stdin = r
			go func() { _, _ = io.Copy(w, stdin); _ = w.Close() }()
			if got := g.status(t); got != 0 || g.out.Len() != 5 {
				t.Errorf("status %d, %q, %s", got, g.out.String(), g.errs.String())
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestOutputBinaryClean(t *testing.T) {
	t.Parallel()
	data := noise(4 << 20)
	g := command(t, nil, "sh", "-c", "tee /dev/stderr; exit 3")
	g.Stdin = bytes.NewReader(data)
	if got := g.status(t); got != 3 {
		t.Errorf("status %d", got)
	}
	if !bytes.Equal(g.out.Bytes(), data) || !bytes.Equal(g.errs.Bytes(), data) {
		t.Errorf("%d bytes in, %d out, %d on stderr, or they differ", len(data), g.out.Len(), g.errs.Len())
	}
}

// TestOutputComplete ends right after writing, with a reader that is slow.
func TestOutputComplete(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "sh", "-c", "head -c 3000000 /dev/zero; echo last; echo err >&2")
	r, err := g.startPipe()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * time.Second)
	out, err := io.ReadAll(r)
	if err != nil || len(out) != 3000005 || !bytes.HasSuffix(out, []byte("last\n")) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if got := exitStatus(t, g.Wait()); got != 0 || g.errs.String() != "err\n" {
		t.Errorf("status %d, %q", got, g.errs.String())
	}
}

func TestOutputsAreNoTerminals(t *testing.T) {
	t.Parallel()
	status, out, errs := sh(t, nil, "for i in 0 1 2; do test -t $i && echo $i is a terminal; done; echo x >&2")
	if status != 0 || out != "" || errs != "x\n" {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

// TestReaderGone is dplab run | head: the command must get SIGPIPE.
func TestReaderGone(t *testing.T) {
	t.Parallel()
	g := command(t, nil, "yes")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	g.Stdout = w
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	buf := make([]byte, 1000)
	if _, err := io.ReadFull(r, buf); err != nil || !strings.HasPrefix(string(buf), "y\ny\n") {
		t.Errorf("%q, %v", buf[:10], err)
	}
	_ = r.Close()
	if got := exitStatus(t, g.Wait()); got != 141 || g.errs.Len() != 0 {
		t.Errorf("status %d, %s", got, g.errs.String())
	}
}
