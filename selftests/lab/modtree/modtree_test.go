// SPDX-License-Identifier: Apache-2.0

package modtree

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const dep = `kernel/fs/overlayfs/overlay.ko:
kernel/net/sched/act_sample.ko: kernel/net/psample/psample.ko kernel/lib/far.ko
kernel/net/nf-x.ko.xz: kernel/a.ko
broken line
`

func TestFiles(t *testing.T) {
	for name, want := range map[string][]string{
		"overlay":    {"kernel/fs/overlayfs/overlay.ko"},
		"act_sample": {"kernel/lib/far.ko", "kernel/net/psample/psample.ko", "kernel/net/sched/act_sample.ko"},
		"nf_x":       {"kernel/a.ko", "kernel/net/nf-x.ko.xz"},
		"nf-x":       {"kernel/a.ko", "kernel/net/nf-x.ko.xz"},
		"psample":    nil, "overla": nil,
	} {
		got, ok := Files(dep, name)
		if diff := cmp.Diff(want, got); diff != "" || ok != (want != nil) {
			t.Errorf("%s: %v\n%s", name, ok, diff)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add(dep, "act_sample")
	f.Add(":", "")
	f.Add("a.ko:b.ko", "a")
	f.Fuzz(func(t *testing.T, text, name string) {
		files, ok := Files(text, name)
		if ok != (len(files) > 0) {
			t.Fatalf("%q, %v", files, ok)
		}
		if ok && (Name(files[len(files)-1]) != Normal(name) || !strings.Contains(text, files[0])) {
			t.Errorf("%q in %q: %q", name, text, files)
		}
	})
}
