// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestCommandWaitsForNamespace breaks off a program in namespaces of its own
// that has left its process group and writes on and on: nothing of it is left
// when the command has ended.
func TestCommandWaitsForNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes namespaces: needs root")
	}
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(dir, "f", "100")); err == nil {
				cancel(cause)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	const script = `for n in 1 2 3 4 5 6 7 8; do
		setsid sh -c 'while :; do mkdir -p f; i=$((i + 1)); : >f/$i; done' 2>/dev/null &
	done
	wait`
	b := &Builder{}
	if err := b.command(ctx, log, dir, append(slices.Clone(isolated), "sh", "-c", script)...); !errors.Is(err, cause) {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("%v\n%s", err, text)
	}
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if cwd, _ := os.Readlink(l); cwd == dir {
			t.Errorf("left: %s", filepath.Dir(l))
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

func TestRemoveAllTriesAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	started, done := make(chan struct{}), make(chan int)
	go func() {
		made := 0
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			if os.WriteFile(filepath.Join(dir, fmt.Sprint(made)), nil, 0o644) != nil {
				break
			}
			if made++; made == 10 {
				close(started)
			}
		}
		done <- made
	}()
	<-started
	if err := removeAll(dir); err != nil {
		t.Error(err)
	}
	<-done
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
	if err := removeAll(dir); err != nil {
		t.Errorf("what is not there: %v", err)
	}
}
