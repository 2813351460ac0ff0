// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReport(t *testing.T) {
	for _, r := range []Report{
		{Kind: ReportUp}, {Kind: ReportStarted}, {Kind: ReportShut}, {Kind: ReportDone},
		{Kind: ReportAck}, {Kind: ReportAck, N: 4711},
		{Kind: ReportDone, Out: 1 << 40, Err: 3},
	} {
		got, err := ParseReport(r.String() + "\r\n")
		if err != nil || got != r {
			t.Errorf("ParseReport(%q) = %v, %v", r.String(), got, err)
		}
	}
	for _, line := range []string{"", "ack", "ack x", "ack -1", "ack 1 2", "up 1", "UP", "ack 99999999999999999999",
		"done", "done 1", "done -1 0", "done 0 -1", "done 1 2 3", "done x 0"} {
		if got, err := ParseReport(line); err == nil {
			t.Errorf("ParseReport(%q) = %v, want an error", line, got)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	for _, s := range []string{"up", "started", "ack 3", "ack -3", "done 7 0", "done -0 +1", "shut", "ack 3 4", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, err := ParseReport(line)
		if err != nil {
			return
		}
		if again, err := ParseReport(r.String()); err != nil || again != r {
			t.Errorf("%q reads as %v, which reads as %v, %v", line, r, again, err)
		}
	})
}

func TestIsMasked(t *testing.T) {
	for path, want := range map[string]bool{
		"/tmp": true, "/tmp/x/y": true, "/tmpx": false, "/run/user/1": true, "/": false,
		"/home/run": false, "/dev/shm/x": true, "/var/tmp": false,
	} {
		if got := IsMasked(path); got != want {
			t.Errorf("IsMasked(%q) = %v", path, got)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, StatusFile)
	want := Status{Exit: 3, Message: "m"}
	if err := WriteJSON(path, want); err != nil {
		t.Fatal(err)
	}
	var got Status
	if err := ReadJSON(path, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadJSON(path, &got); err == nil {
		t.Error("half an object was read")
	}
}

// TestJobKeepsBytes sends what JSON would replace.
func TestJobKeepsBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "job")
	want := Job{
		Kernel: "6.1", Modules: "/m", Dir: "/\xff", ShareDir: true,
		Argv: []string{"a\xfe\n", "", "ä"}, Env: []string{"V=\x80"}, Expose: []string{"/\xf0"}, ExposeFiles: []string{"/f\xc0"},
	}
	if err := WriteJSON(path, want); err != nil {
		t.Fatal(err)
	}
	var got Job
	if err := ReadJSON(path, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
