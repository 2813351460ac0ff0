// SPDX-License-Identifier: Apache-2.0

package apt

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSameVersion(t *testing.T) {
	const table = `linux-image-amd64 |  6.1.192-2 | http://mirror.example/s bookworm-security/main amd64 Packages
linux-image-amd64 |  6.1.176-1 | http://mirror.example/d bookworm/main amd64 Packages
linux-image-6.1.0-50-amd64 |  6.1.176-1 | http://mirror.example/d bookworm/main amd64 Packages
linux-image-6.1.0-50-amd64 |  6.1.176-1 | http://mirror.example/s bookworm-security/main amd64 Packages
linux-kbuild-6.1 |  6.1.192-2 | http://mirror.example/s bookworm-security/main amd64 Packages
linux-kbuild-6.1 |  6.1.176-1 | http://mirror.example/d bookworm/main amd64 Packages
linux-base |      4.9 | http://mirror.example/d bookworm/main amd64 Packages
unasked |  6.1.176-1 | http://mirror.example/d bookworm/main amd64 Packages
`
	names := []string{"linux-kbuild-6.1", "linux-base", "linux-image-amd64", "linux-image-6.1.0-50-amd64", "missing"}
	want := []Package{{"linux-image-amd64", "6.1.176-1"}, {"linux-image-6.1.0-50-amd64", "6.1.176-1"}, {"linux-kbuild-6.1", "6.1.176-1"}}
	if diff := cmp.Diff(want, sameVersion(table, names, "linux-image-amd64", "6.1.176-1")); diff != "" {
		t.Error(diff)
	}
	if got := sameVersion("", nil, "p", "1"); len(got) != 1 || got[0] != (Package{"p", "1"}) {
		t.Errorf("of nothing: %v", got)
	}
}
