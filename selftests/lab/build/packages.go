// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/apt"
)

// ErrUnavailable is the cause when the package sources cannot give a kernel:
// they lack it, or the suite it comes from is in no usable state.
var ErrUnavailable = errors.New("not to be had")

// openPackages prepares the package state the kernel comes from, fetching
// lists where there are none or old ones.
func (w *work) openPackages(asked bool) error {
	machine, err := apt.Open(filepath.Join(w.Cache.Root, "apt"))
	if err != nil {
		return err
	}
	w.apt = machine
	if w.k.Suite == "" {
		return w.refresh(asked, "package lists", machine.Update)
	}
	dir := filepath.Join(w.Cache.Root, "apt", "suites", w.k.Suite)
	if w.apt, err = apt.OpenSuite(dir, w.k.Suite, w.k.Moving); err != nil {
		return err
	}
	// A suite's older packages leave the mirrors: with old lists a download
	// fails.
	err = w.refresh(true, "package lists of "+w.k.Suite, func(ctx context.Context) error {
		mirrors, err := machine.Mirrors(ctx)
		if errors.Is(err, apt.ErrNoMirror) && machine.Age() > listAge {
			// Only fetched lists tell which archive is which.
			if err := machine.Update(ctx); err != nil {
				return err
			}
			mirrors, err = machine.Mirrors(ctx)
		}
		if err != nil {
			return err
		}
		return w.apt.UpdateSuite(ctx, mirrors)
	})
	if err != nil && w.ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if since := w.apt.Expired(); err == nil && !since.IsZero() {
		w.say("WARNING: the package lists of %s expired on %s; taken all the same, as its signature holds",
			w.k.Suite, since.Format(time.DateOnly))
	}
	return err
}

// refresh runs update when the lists do not lead to the kernel, or when they
// are old and new ones are wanted. Old lists are better than none.
func (w *work) refresh(wanted bool, what string, update func(context.Context) error) error {
	known := w.packagesKnown()
	if known && (!wanted || w.apt.Age() <= listAge) {
		return nil
	}
	ctx := w.ctx
	if known {
		// A network that swallows packets must not keep a kernel that is
		// there waiting: apt tries for minutes.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, refreshLimit, fmt.Errorf("no answer within %v", refreshLimit))
		defer cancel()
	}
	err := w.step("fetching "+what, func() error { return update(ctx) })
	if err != nil && (!w.packagesKnown() || w.ctx.Err() != nil) {
		return err
	}
	if err != nil {
		w.say("  going on with the lists at hand: %v", err)
	}
	return nil
}

// packagesKnown tells whether the lists at hand can lead to the kernel.
func (w *work) packagesKnown() bool {
	for _, pkg := range []string{w.k.Package, w.k.Source} {
		if pkg == "" {
			continue
		}
		if v, err := w.apt.Versions(w.ctx, pkg); err != nil || len(v) == 0 {
			return false
		}
	}
	return true
}

// where names the package sources in messages.
func (w *work) where() string {
	if w.k.Suite == "" {
		return "this machine's package sources"
	}
	return "suite " + w.k.Suite
}

// libraries lists the packages that a kernel of another suite needs besides its
// own, as "name version" words separated by commas; empty for a kernel of the
// machine's own sources.
func (w *work) libraries(version string) (string, error) {
	if w.k.Suite == "" {
		return "", nil
	}
	all, err := w.apt.Closure(w.ctx, w.k.Package, version)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var words []string
	for _, p := range all {
		if p.Name != w.k.Package {
			words = append(words, p.Name+" "+p.Version)
		}
	}
	return strings.Join(words, ", "), nil
}
