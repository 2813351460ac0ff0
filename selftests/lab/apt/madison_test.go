// SPDX-License-Identifier: Apache-2.0

package apt

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const madison = `linux-source-6.1 |  6.1.192-2 | http://mirror.example/debian-security bookworm-security/main amd64 Packages
linux-source-6.1 |  6.1.192-1 | http://mirror.example/debian-security bookworm-security/main amd64 Packages
linux-source-6.1 |  6.1.176-1 | http://mirror.example/debian bookworm/main amd64 Packages
linux-source-6.1 |  6.1.176-1 | http://mirror.example/debian bookworm/main amd64 Packages
linux-source-6.1 |  6.1.175-1 | http://mirror.example/debian bookworm/main Sources
linux-source-6.1-rt | 6.1.9-1 | http://mirror.example/debian bookworm/main amd64 Packages
`

func TestParseMadison(t *testing.T) {
	want := []string{"6.1.192-2", "6.1.192-1", "6.1.176-1"}
	if diff := cmp.Diff(want, parseMadison(madison, "linux-source-6.1")); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "N: Unable to locate package x\n", "linux-source-6.1 | 1\n"} {
		if got := parseMadison(text, "linux-source-6.1"); got != nil {
			t.Errorf("parseMadison(%q) = %v", text, got)
		}
	}
}

func TestParseURI(t *testing.T) {
	const line = "'http://mirror.example/debian/pool/main/u/user-mode-linux/user-mode-linux_6.1um4%2bb13_amd64.deb' user-mode-linux_6.1um4+b13_amd64.deb 41388548 SHA256:95ce\n"
	file, size, err := parseURI("Get:1 something\n" + line)
	if err != nil || file != "user-mode-linux_6.1um4+b13_amd64.deb" || size != 41388548 {
		t.Errorf("parseURI = %q, %d, %v", file, size, err)
	}
	for _, text := range []string{"", "'x' y", "'x' y -1 h", "'x' ../y 1 h", "'x' y z h"} {
		if _, _, err := parseURI(text); err == nil {
			t.Errorf("parseURI(%q) was taken", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(madison)
	f.Add("'http://x' f.deb 12 SHA256:0\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range parseMadison(text, "linux-source-6.1") {
			if v == "" {
				t.Error("an empty version")
			}
		}
		if _, size, err := parseURI(text); err == nil && size < 0 {
			t.Errorf("size %d", size)
		}
	})
}
