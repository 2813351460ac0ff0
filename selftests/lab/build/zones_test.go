// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestZoneConfig(t *testing.T) {
	config := "# a comment\nCONFIG_NET=y\nCONFIG_NF_CONNTRACK=m\n# CONFIG_NF_CONNTRACK_ZONES is not set\nCONFIG_NF_CONNTRACK_SECMARK=y\nCONFIG_DEBUG_INFO=y\n"
	out, err := zoneConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	for want, n := range map[string]int{
		"CONFIG_NF_CONNTRACK_ZONES=y\n": 1, "CONFIG_NF_CONNTRACK_ZONES": 1, "CONFIG_NF_CONNTRACK_SECMARK=n\n": 1,
		"CONFIG_NF_CONNTRACK_SECMARK": 1, "CONFIG_NET=y\n": 1, "# a comment\n": 1, "CONFIG_DEBUG_INFO=n\n": 1,
	} {
		if got := strings.Count(string(out), want); got != n {
			t.Errorf("%q is there %d times:\n%s", want, got, out)
		}
	}
	if _, err := zoneConfig([]byte("CONFIG_NET=y\nCONFIG_NF_CONNTRACK=y\n")); err == nil {
		t.Error("a kernel with conntrack built in was taken")
	}
}

// TestZoneHeader wants the zone where the mark was: another place would move
// the members in between.
func TestZoneHeader(t *testing.T) {
	header := "struct nf_conn {\n\tu32 timeout;\n\n" + zoneMember + "\tint a;\n" + markMember + "\tint b;\n};\n"
	want := "struct nf_conn {\n\tu32 timeout;\n\n\tint a;\n" + zoneMember + "\tint b;\n};\n"
	if got, err := zoneHeader(header); err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	for _, bad := range []string{"", zoneMember, markMember, zoneMember + markMember + markMember} {
		if _, err := zoneHeader(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestZoneSources(t *testing.T) {
	src, ext := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"net/a/b/Makefile": "obj-m += x.o y.o\n", "net/a/b/x.c": "c", "net/a/up.h": "h", "net/a/other.c": "c",
	} {
		path := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := zoneSources(src, ext, map[string]string{"net/a/b": "x.o"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"Kbuild": true, "net/a/b/Makefile": true, "net/a/b/Makefile.kernel": true, "net/a/b/x.c": true, "net/a/up.h": true, "net/a/other.c": false,
	} {
		if _, err := os.Stat(filepath.Join(ext, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := zoneSources(src, t.TempDir(), map[string]string{"net/none": "x.o"}); err == nil {
		t.Error("a missing directory was taken")
	}
}

// TestLeaveOut links modules as the kernel's build does, as far as their symbol
// tables go.
func TestLeaveOut(t *testing.T) {
	gcc, err := findTool("gcc")
	if err != nil {
		t.Skip("no compiler")
	}
	tree := t.TempDir()
	updates := filepath.Join(tree, "updates")
	b := &Builder{}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	module := func(path, code string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		c := path + ".c"
		if err := os.WriteFile(c, []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := b.command(t.Context(), log, tree, gcc, "-c", "-o", path, "-x", "c", c); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(tree, "kernel", "net")
	module(filepath.Join(dir, "base.ko"), "int __ksymtab_stays, __ksymtab_goes, __ksymtab_moves;")
	module(filepath.Join(updates, "base.ko"), "int __ksymtab_stays;")
	module(filepath.Join(updates, "new.ko"), "int __ksymtab_moves; extern int goes; int *p = &goes;")
	module(filepath.Join(dir, "fine.ko"), "extern int stays, moves, elsewhere; int *p[] = {&stays, &moves, &elsewhere};")
	module(filepath.Join(dir, "useless.ko"), "extern int goes; int *p = &goes;")
	module(filepath.Join(dir, "xt_CONNSECMARK.ko"), "int x;")
	module(filepath.Join(dir, "ipvs", "ip_vs_rr.ko"), "int x;")
	out, err := leaveOut(tree, updates)
	if err != nil || strings.Join(out, " ") != "useless.ko" {
		t.Fatalf("leaveOut = %v, %v", out, err)
	}
	for name, want := range map[string]bool{
		"base.ko": true, "fine.ko": true, "useless.ko": false, "xt_CONNSECMARK.ko": false, "ipvs/ip_vs_rr.ko": false,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
