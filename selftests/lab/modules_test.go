// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests/lab/build"
)

func TestModuleDir(t *testing.T) {
	top := t.TempDir()
	img := build.Image{Release: "6.1.0-50-amd64", Modules: "/lab/modules"}
	good, other, empty := filepath.Join(top, img.Release), filepath.Join(top, "6.1.0-56-amd64"), filepath.Join(top, "x", img.Release)
	for _, dir := range []string{good, other, empty} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if dir == empty {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "modules.dep"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(top, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ dir, want, cause string }{
		{"", "/lab/modules", ""},
		{good, good, ""},
		{link, good, ""},
		{other, "", "the directory is 6.1.0-56-amd64, the kernel 6.1.0-50-amd64"},
		{empty, "", "modules.dep"},
		{filepath.Join(top, "gone"), "", "no such file"},
	} {
		got, err := moduleDir(tc.dir, img)
		if tc.cause == "" {
			if err != nil || got != tc.want {
				t.Errorf("moduleDir(%q) = %q, %v", tc.dir, got, err)
			}
		} else if !errors.Is(err, ErrModules) || !strings.Contains(err.Error(), tc.cause) {
			t.Errorf("moduleDir(%q): error %v, want one with %q", tc.dir, err, tc.cause)
		}
	}
}
