// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// fakeSuite is a mirror and a builder that stand for real ones: apt knows the
// suite's packages at one version, and the guest's debootstrap installs what it
// finds in the archive.
type fakeSuite struct {
	*Builder
	t     *testing.T
	bin   string
	log   strings.Builder
	runs  int
	spoil func(dir string) error
}

func newFakeSuite(t *testing.T) *fakeSuite {
	t.Helper()
	f := &fakeSuite{t: t, bin: t.TempDir()}
	f.Builder = &Builder{Cache: &Cache{Root: filepath.Join(t.TempDir(), "lab")}, Log: &f.log, Guest: f.debootstrap}
	t.Setenv("PATH", f.bin+":"+os.Getenv("PATH"))
	// As root, too, the guest has to do it.
	f.program("unshare", "echo 'no namespaces here' >&2; exit 1")
	f.program("debootstrap", "exit 1")
	f.offer("3.5.0-1", "apt")
	return f
}

func (f *fakeSuite) program(name, script string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		f.t.Fatal(err)
	}
}

// offer gives all packages of trixie but the named ones one version. The
// package "apt" is always there.
func (f *fakeSuite) offer(version string, without ...string) {
	f.t.Helper()
	names := "apt\n"
	s, _, _ := suites.Find("trixie")
	for _, p := range s.Packages() {
		if !strings.Contains(" "+strings.Join(without, " ")+" ", " "+p+" ") {
			names += p + "\n"
		}
	}
	if err := os.WriteFile(filepath.Join(f.bin, "names"), []byte(names), 0o644); err != nil {
		f.t.Fatal(err)
	}
	f.program("apt-cache", `
		case "$*" in
		*pkgnames*) cat `+f.bin+`/names;;
		*) while read p; do printf 'Package: %s\nVersion: `+version+`\nArchitecture: all\nFilename: deep/%s.deb\n\n' $p $p; done <`+f.bin+`/names;;
		esac`)
	f.program("apt-get", `
		case "$*" in
		*indextargets*) echo 'Debian|Debian|file:/mirror';;
		*simulate*) while read p; do echo "Inst $p (`+version+` x)"; done <`+f.bin+`/names;;
		*download*) while read p; do echo $p >${p}_`+version+`_all.deb; done <`+f.bin+`/names;;
		esac`)
}

// debootstrap is the guest's: sh ./userland.sh SUITE PACKAGES MIRROR TARGET.
func (f *fakeSuite) debootstrap(ctx context.Context, dir string, log io.Writer, argv ...string) error {
	f.runs++
	if len(argv) != 6 || argv[1] != "./userland.sh" || argv[5] != "root.tar" {
		f.t.Errorf("the guest is to run %q", argv)
	}
	if f.spoil != nil {
		fmt.Fprintln(log, "E: it went wrong")
		if err := f.spoil(dir); err != nil {
			return err
		}
	}
	dists := filepath.Join(dir, argv[4], "dists", argv[2])
	release, err := os.ReadFile(filepath.Join(dists, "Release"))
	if err != nil {
		return err
	}
	paths, _ := filepath.Glob(filepath.Join(dists, "main/binary-*/Packages"))
	if len(paths) != 1 {
		return fmt.Errorf("indexes: %v", paths)
	}
	packages, err := os.ReadFile(paths[0])
	if err != nil {
		return err
	}
	if sum := fmt.Sprintf(" %x %d main/", sha256.Sum256(packages), len(packages)); !strings.Contains(string(release), sum) {
		f.t.Errorf("Release:\n%s", release)
	}
	status := ""
	for line := range strings.Lines(string(packages)) {
		if file, ok := strings.CutPrefix(line, "Filename: "); ok {
			if _, err := os.Stat(filepath.Join(dir, argv[4], strings.TrimSpace(file))); err != nil {
				return err
			}
			status += "Status: install ok installed\n"
		} else {
			status += line
		}
	}
	tree := f.t.TempDir()
	if err := os.MkdirAll(filepath.Join(tree, "var/lib/dpkg"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, "var/lib/dpkg/status"), []byte(status), 0o644); err != nil {
		return err
	}
	return exec.CommandContext(ctx, "tar", "-C", tree, "-cf", filepath.Join(dir, argv[5]), ".").Run()
}

// dirs lists what lies in the cache of a suite beside lock, manifest and note.
func (f *fakeSuite) dirs(name string) []string {
	all, _ := filepath.Glob(filepath.Join(f.Cache.userlandDir(), name+"-*"))
	return all
}

func find(t *testing.T, name string) suites.Suite {
	t.Helper()
	s, ok, err := suites.Find(name)
	if err != nil || !ok {
		t.Fatal(err)
	}
	return s
}
