// SPDX-License-Identifier: Apache-2.0

//go:build linux

package labtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBytesOfArguments hands over what is no text: file names need not be.
func TestBytesOfArguments(t *testing.T) {
	t.Parallel()
	const name = "a\xff\xfe\nb"
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g := command(t, []string{"-e", "V=" + name}, "sh", "-c", `: >made; printf '%s|%s|%s|%s' "$1" "$2" "$V" "${PWD##*/}"`, "sh", name, "")
	g.Dir = dir
	if got, want := g.status(t), name+"||"+name+"|"+name; got != 0 || g.out.String() != want {
		t.Errorf("status %d, %q, want %q, %s", got, g.out.String(), want, g.errs.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "made")); err != nil {
		t.Error(err)
	}
}

// TestOutputLost has an output that takes nothing: the command cannot know.
func TestOutputLost(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	g := command(t, nil, "echo", "hello")
	g.Stdout = full
	if got := g.status(t); got != 125 || g.errs.String() != "dplab: write standard output: no space left on device\n" {
		t.Errorf("status %d, %q", got, g.errs.String())
	}
}

// TestInputUnreadable must not look like an empty input.
func TestInputUnreadable(t *testing.T) {
	t.Parallel()
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	g := command(t, nil, "cat")
	g.Stdin = dir
	if got := g.status(t); got != 0 || !strings.HasPrefix(g.errs.String(), "dplab: read standard input: is a directory") {
		t.Errorf("status %d, %q", got, g.errs.String())
	}
}

// TestReaderStalls has a reader that neither reads nor goes away.
func TestReaderStalls(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	g := command(t, []string{"--timeout", "2s"}, "yes")
	g.Stdout = w
	start := time.Now()
	if got := g.status(t); got != 124 {
		t.Errorf("status %d, %s", got, g.errs.String())
	}
	if d := time.Since(start); d > 60*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestProgramInTmp runs a program that lies in the very directory the guest
// has its own file system on, which must stay one.
func TestProgramInTmp(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"/tmp", "/dev/shm"} {
		f, err := os.CreateTemp(base, "labtest-*.sh")
		if err != nil {
			t.Log(err)
			continue
		}
		defer os.Remove(f.Name())
		_, werr := f.WriteString("#!/bin/sh\ntouch " + base + "/new && ls " + base + "\ntouch \"$0\" 2>&- || echo read-only\n")
		if err := f.Close(); werr != nil || err != nil || os.Chmod(f.Name(), 0o755) != nil {
			t.Fatal(werr, err)
		}
		g := command(t, nil, f.Name())
		// The working directory is below /tmp, too.
		g.Dir = "/"
		want := filepath.Base(f.Name()) + "\nnew\nread-only\n"
		if got := g.status(t); got != 0 || !strings.HasSuffix(g.out.String(), want) || strings.Count(g.out.String(), "\n") > 4 {
			t.Errorf("%s: status %d, %q, want %q, %s", base, got, g.out.String(), want, g.errs.String())
		}
	}
}

// TestKernelPathsAreTheGuests names a command below a directory that only the
// guest's kernel can fill.
func TestKernelPathsAreTheGuests(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{"/proc/self/cmdline": 126, "/sys/kernel/no-such": 127, "/dev/null": 126} {
		g := command(t, nil, path)
		if got := g.status(t); got != want || strings.Contains(g.errs.String(), "console:") {
			t.Errorf("%s: status %d, want %d, %s", path, got, want, g.errs.String())
		}
	}
}

// TestCacheOfSomebodyElse can be read and not be written.
func TestCacheOfSomebodyElse(t *testing.T) {
	t.Parallel()
	host, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	lab := filepath.Join(cache, "dpscope", "lab")
	if err := os.MkdirAll(lab, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"images", "kvm"} {
		if err := os.Symlink(filepath.Join(host, "dpscope/lab", sub), filepath.Join(lab, sub)); err != nil {
			t.Fatal(err)
		}
	}
	// Root is refused nothing; a file in the place of the locks does it.
	if err := os.WriteFile(filepath.Join(lab, "slots"), nil, 0o444); err != nil {
		t.Fatal(err)
	}
	g := command(t, nil, "true")
	g.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
	if got := g.status(t); got != 0 || g.errs.String() != "" {
		t.Errorf("status %d, %s", got, g.errs.String())
	}
}
