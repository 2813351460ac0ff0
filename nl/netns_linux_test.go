// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOpenNetNSRefusesWhatIsNone(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ spec, want string }{
		{"no-such-namespace", "no such file"},
		{"pid:12x", "decimal process id"},
		{"pid:", "decimal process id"},
		{plain, "is not a namespace file"},
		{"/", "is not a namespace file"},
		{"..", "not a name"},
	} {
		ns, err := OpenNetNS(tt.spec)
		if err == nil {
			ns.Close()
			t.Errorf("%q was opened", tt.spec)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.spec) {
			t.Errorf("%q: %v, want %q and the name in it", tt.spec, err, tt.want)
		}
	}
}

func TestNetNSHint(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{syscall.EACCES: "run as root", syscall.ENOENT: "ip netns list"} {
		err := netnsError("pid:1", &os.PathError{Op: "open", Path: "/proc/1/ns/net", Err: errno})
		if !strings.Contains(err.Error(), want) || !errors.Is(err, errno) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}

func TestOpenNetNS(t *testing.T) {
	ns, err := OpenNetNS("")
	if ns != nil || err != nil || ns.FD() != 0 || ns.Close() != nil {
		t.Errorf("the current namespace: %v, %v", ns, err)
	}
	ns, err = OpenNetNS("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if ns.FD() <= 0 || ns.String() != "/proc/self/ns/net" {
		t.Errorf("handle %d %q", ns.FD(), ns)
	}
}
