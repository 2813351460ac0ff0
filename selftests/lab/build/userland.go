// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// userlandRecipe is the version of how userlands are made, besides the script's
// text. Raise it with every change that must lead to new ones.
const userlandRecipe = 1

// Userland is the file tree of a Debian suite, ready to be a guest's root.
type Userland struct {
	Name string `json:"name"`
	// Dir holds the tree and its lock, Root the tree.
	Dir  string `json:"dir"`
	Root string `json:"root"`
	// Key stands for the suite's package list and the way of building.
	Key string `json:"key"`
	// Packages are all that is installed, with their versions, in one hash;
	// Count is how many they are.
	Packages string `json:"packages"`
	Count    int    `json:"count"`
	// OpenVSwitch is the upstream version of Open vSwitch in it.
	OpenVSwitch string    `json:"open_vswitch"`
	Size        int64     `json:"size_bytes"`
	Built       time.Time `json:"built"`
}

// userlandKey is a short hash of what a userland is made from, but for the
// versions of the packages: a tree that is there is used until somebody asks
// for newer packages.
func userlandKey(s suites.Suite) string {
	return hashText(fmt.Appendf(nil, "%d\n%s\n%s\n%s", userlandRecipe, s.Name, strings.Join(s.Packages(), "\n"), userlandScript))
}

func (c *Cache) userlandDir() string { return filepath.Join(c.Root, "suites") }

func (c *Cache) userlandManifest(name string) string {
	return filepath.Join(c.userlandDir(), name+".json")
}

func (c *Cache) userlandLock(name string) string {
	return filepath.Join(c.userlandDir(), name+".lock")
}

func (c *Cache) userlandFailure(name string) string {
	return filepath.Join(c.userlandDir(), name+".failed")
}

// LoadUserland reads what is built of a suite. The error is fs.ErrNotExist when
// nothing is.
func (c *Cache) LoadUserland(name string) (Userland, error) {
	var u Userland
	if err := loadManifest(c.userlandManifest(name), &u); err != nil {
		return u, fmt.Errorf("suite %s: %w", name, err)
	}
	if !complete(u.Dir) {
		return u, fmt.Errorf("suite %s: the tree is damaged: %w", name, fs.ErrNotExist)
	}
	return u, nil
}

// UserlandFailure tells why a suite could not be built the last time, or "".
func (c *Cache) UserlandFailure(name string) string { return readNote(c.userlandFailure(name)) }

// StaleUserland tells why a tree no longer is what its inputs lead to, or "".
func StaleUserland(s suites.Suite, u Userland) string {
	if u.Key != userlandKey(s) {
		return "its package list or the lab's way of building has changed"
	}
	return ""
}

// Hold keeps a tree from being removed until the file and all its copies are
// closed.
func (u Userland) Hold() (*os.File, error) {
	f, err := hold(u.Dir)
	if err != nil {
		return nil, fmt.Errorf("suite %s: %w", u.Name, err)
	}
	return f, nil
}

// ReadyUserland gives a suite's tree: the one there is, or else a new one.
func (b *Builder) ReadyUserland(ctx context.Context, s suites.Suite) (Userland, error) {
	u, err := b.Cache.LoadUserland(s.Name)
	if err == nil && StaleUserland(s, u) == "" {
		return u, nil
	}
	return b.userland(ctx, s, false)
}

// BuildUserland brings a suite's tree up to date, also with what the mirror
// offers.
func (b *Builder) BuildUserland(ctx context.Context, s suites.Suite) (Userland, error) {
	return b.userland(ctx, s, true)
}

func (b *Builder) userland(ctx context.Context, s suites.Suite, asked bool) (Userland, error) {
	if err := checkTools(append(append([]tool(nil), fetchTools...), userlandTools...)); err != nil {
		return Userland{}, fmt.Errorf("build suite %s: %w", s.Name, err)
	}
	// Each suite has a lock of its own, and its own package lists: two can be
	// built side by side, and next to a kernel.
	l, err := lock(ctx, b.Cache.userlandLock(s.Name), func() { b.say("waiting for another build of suite %s to end", s.Name) })
	if err != nil {
		return Userland{}, fmt.Errorf("build suite %s: %w", s.Name, err)
	}
	defer l.Close()

	old, err := b.Cache.LoadUserland(s.Name)
	have := err == nil
	switch {
	case have && !asked && StaleUserland(s, old) == "":
		// The other build made it.
		return old, nil
	case have && StaleUserland(s, old) != "":
		b.say("suite %s is built anew: %s", s.Name, StaleUserland(s, old))
	case !have && !asked:
		b.say("suite %s is not built yet; this takes minutes once", s.Name)
	}
	start := time.Now()
	m := &bootstrap{Builder: b, ctx: ctx, s: s}
	u, err := m.make(old, have)
	if err != nil && ctx.Err() == nil {
		if s.Moving && !errors.Is(err, ErrUnavailable) {
			// Whatever it is, it may be gone tomorrow.
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		writeNote(b.Cache.userlandFailure(s.Name), err)
	}
	if err != nil {
		return Userland{}, fmt.Errorf("build suite %s: %w", s.Name, err)
	}
	writeNote(b.Cache.userlandFailure(s.Name), nil)
	what := fmt.Sprintf("%d packages, Open vSwitch %s, %s", u.Count, u.OpenVSwitch, Megabytes(u.Size))
	if have && old.Dir == u.Dir {
		b.say("suite %s is up to date (%s)", s.Name, what)
		return u, nil
	}
	b.say("suite %s is ready after %.0f s (%s)", s.Name, time.Since(start).Seconds(), what)
	b.collectUserlands(s.Name, u.Dir)
	return u, nil
}

// collectUserlands removes trees of a suite that are not the current one.
// Failing to is only a waste of space.
func (b *Builder) collectUserlands(name, current string) {
	dirs, _ := filepath.Glob(filepath.Join(b.Cache.userlandDir(), name+"-*"))
	for _, dir := range dirs {
		if dir == current {
			continue
		}
		if removed, err := removeUnused(dir); err != nil {
			b.say("removing what is no longer needed: %v", err)
		} else if removed {
			b.say("removed suites/%s, no longer needed", filepath.Base(dir))
		}
	}
}
