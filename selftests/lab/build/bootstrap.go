// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/apt"
	"github.com/dpscope/dpscope/selftests/lab/suites"
)

// userlandScript makes the tree, on the host or in a guest.
//
//go:embed userland.sh
var userlandScript string

// bootstrap is one build of a userland.
type bootstrap struct {
	*Builder
	ctx context.Context
	s   suites.Suite
	apt *apt.State
}

// make brings the tree up to date with the package list and with what the mirror
// offers.
func (m *bootstrap) make(old Userland, have bool) (Userland, error) {
	if err := m.openLists(); err != nil {
		return Userland{}, err
	}
	all, err := m.choose()
	if err != nil {
		return Userland{}, err
	}
	u := Userland{Name: m.s.Name, Key: userlandKey(m.s), Packages: hashPackages(all), Built: time.Now().UTC().Truncate(time.Second)}
	if have && old.Key == u.Key && old.Packages == u.Packages {
		return old, nil
	}
	u.Dir = filepath.Join(m.Cache.userlandDir(), m.s.Name+"-"+hashText([]byte(u.Key+u.Packages)))
	u.Root = filepath.Join(u.Dir, "root")
	if err := stageDir(u.Dir, func() error { return m.fill(u, all) }); err != nil {
		return Userland{}, err
	}
	installed, err := m.inspect(u.Root)
	if err != nil {
		return Userland{}, err
	}
	u.Count, u.OpenVSwitch = len(installed), upstreamVersion(installed["openvswitch-switch"])
	u.Size = treeSize(u.Root)
	return u, saveManifest(m.Cache.userlandManifest(m.s.Name), u)
}

// openLists prepares the suite's package lists, a state of its own next to the
// one kernels of the suite use. Old lists are better than none.
func (m *bootstrap) openLists() error {
	var err error
	dir := filepath.Join(m.Cache.Root, "apt", "userlands", m.s.Name)
	if m.apt, err = apt.OpenSuite(dir, m.s.Name, m.s.Moving); err != nil {
		return err
	}
	known := m.apt.Known()
	if known && m.apt.Age() <= listAge {
		return nil
	}
	ctx := m.ctx
	if known {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, refreshLimit, fmt.Errorf("no answer within %v", refreshLimit))
		defer cancel()
	}
	err = m.step("fetching package lists of "+m.s.Name, func() error {
		mirrors, err := m.mirrors(ctx)
		if err != nil {
			return err
		}
		return m.apt.UpdateSuite(ctx, mirrors)
	})
	if since := m.apt.Expired(); err == nil && !since.IsZero() {
		m.say("WARNING: the package lists of %s expired on %s; taken all the same, as its signature holds",
			m.s.Name, since.Format(time.DateOnly))
	}
	switch {
	case err == nil || m.ctx.Err() != nil:
		return err
	case known:
		m.say("  going on with the lists at hand: %v", err)
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// mirrors asks the machine's own apt. Only lists tell which archive is which;
// where there are none, they are fetched.
func (m *bootstrap) mirrors(ctx context.Context) ([]string, error) {
	machine, err := apt.Open(filepath.Join(m.Cache.Root, "apt"))
	if err != nil {
		return nil, err
	}
	mirrors, err := machine.Mirrors(ctx)
	if !errors.Is(err, apt.ErrNoMirror) || machine.Age() <= listAge {
		return mirrors, err
	}
	l, err := lock(ctx, filepath.Join(m.Cache.Root, "lock"), func() { m.say("waiting for another build to end") })
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if machine.Age() > listAge {
		// The other build has not fetched them either.
		if err := machine.Update(ctx); err != nil {
			return nil, err
		}
	}
	return machine.Mirrors(ctx)
}

// choose lists the packages the tree consists of.
func (m *bootstrap) choose() ([]apt.Package, error) {
	all, missing, err := m.apt.System(m.ctx, m.s.Packages())
	if err != nil && m.ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(missing) > 0 {
		if !m.s.Moving {
			return nil, fmt.Errorf("%w: %s has no %s", ErrUnavailable, m.s.Name, strings.Join(missing, ", "))
		}
		m.say("WARNING: %s has no %s today: built without", m.s.Name, strings.Join(missing, ", "))
	}
	return all, nil
}

// fill makes the tree.
func (m *bootstrap) fill(u Userland, all []apt.Package) error {
	mirror := filepath.Join(u.Dir, mirrorDir)
	defer func() { _ = os.RemoveAll(mirror) }()
	for _, dir := range []string{u.Root, filepath.Join(mirror, "pool")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("fill cache: %w", err)
		}
	}
	err := m.step(fmt.Sprintf("downloading %d packages of %s", len(all), m.s.Name), func() error {
		return m.apt.DownloadAll(m.ctx, all, filepath.Join(mirror, "pool"))
	})
	if err != nil {
		return err
	}
	if err := m.archive(mirror, all); err != nil {
		return err
	}
	if err := m.install(u, all); err != nil {
		return err
	}
	_, err = m.inspect(u.Root)
	return err
}

// archive makes the downloaded packages an archive for debootstrap.
func (m *bootstrap) archive(mirror string, all []apt.Package) error {
	index, err := m.apt.Index(m.ctx, all)
	if err != nil {
		return err
	}
	dpkg, err := findTool("dpkg")
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(m.ctx, dpkg, "--print-architecture").Output()
	if err != nil {
		return fmt.Errorf("dpkg --print-architecture: %w", err)
	}
	arch := strings.TrimSpace(string(out))
	name := "main/binary-" + arch + "/Packages"
	release := fmt.Sprintf("Suite: %[1]s\nCodename: %[1]s\nArchitectures: %[2]s\nComponents: main\nSHA256:\n %[3]x %[4]d %[5]s\n",
		m.s.Name, arch, sha256.Sum256([]byte(index)), len(index), name)
	dists := filepath.Join(mirror, "dists", m.s.Name)
	for file, text := range map[string]string{name: index, "Release": release} {
		path := filepath.Join(dists, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("fill cache: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("fill cache: %w", err)
		}
	}
	return nil
}

// hashPackages is a short hash of packages and versions, whatever their order.
func hashPackages(all []apt.Package) string {
	var lines []string
	for _, p := range all {
		lines = append(lines, p.Name+" "+p.Version)
	}
	slices.Sort(lines)
	return hashText([]byte(strings.Join(lines, "\n")))
}

// upstreamVersion is a package's version without what Debian adds around it.
func upstreamVersion(version string) string {
	if _, rest, ok := strings.Cut(version, ":"); ok {
		version = rest
	}
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		version = version[:i]
	}
	return version
}
