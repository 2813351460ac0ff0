// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/apt"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// listAge is how old package lists may be before a build that was asked for
// fetches them again.
const listAge = 6 * time.Hour

// refreshLimit is how long fetching them may take when those at hand would do.
var refreshLimit = 30 * time.Second

// Builder makes images.
type Builder struct {
	Cache *Cache
	// Patches holds the patch set with its makefile (package kmod).
	Patches fs.FS
	// Log gets one line for each step.
	Log io.Writer
	// Guest runs a command as root of a guest, for what takes root where we are
	// not: in a directory that it can write to, with its output in a log.
	Guest func(ctx context.Context, dir string, log io.Writer, argv ...string) error
}

func (b *Builder) say(format string, args ...any) {
	if b.Log != nil {
		fmt.Fprintf(b.Log, "lab: "+format+"\n", args...)
	}
}

// step announces a piece of work and tells how long it took.
func (b *Builder) step(what string, work func() error) error {
	start := time.Now()
	b.say("%s", what)
	err := work()
	if err == nil {
		b.say("  done in %.1f s", time.Since(start).Seconds())
	}
	return err
}

// Ready gives an image to boot: the one there is, if its inputs have not
// changed as far as can be told at once, or else a new one.
func (b *Builder) Ready(ctx context.Context, k kernels.Kernel) (Image, error) {
	img, err := b.Cache.Load(k.ID())
	if err == nil && b.Stale(k, img) == "" {
		return img, nil
	}
	return b.build(ctx, k, false)
}

// Build brings an image up to date, also with what the package sources offer.
func (b *Builder) Build(ctx context.Context, k kernels.Kernel) (Image, error) {
	return b.build(ctx, k, true)
}

func (b *Builder) build(ctx context.Context, k kernels.Kernel, asked bool) (Image, error) {
	if err := checkTools(toolsFor(k)); err != nil {
		return Image{}, fmt.Errorf("build kernel %s: %w", k, err)
	}
	l, err := lock(ctx, filepath.Join(b.Cache.Root, "lock"), func() { b.say("waiting for another build to end") })
	if err != nil {
		return Image{}, fmt.Errorf("build kernel %s: %w", k, err)
	}
	defer l.Close()

	old, err := b.Cache.Load(k.ID())
	have := err == nil
	switch {
	case have && !asked && b.Stale(k, old) == "":
		// The other build made it.
		return old, nil
	case have && b.Stale(k, old) != "":
		b.say("kernel %s is built anew: %s", k, b.Stale(k, old))
	case !have && !asked:
		b.say("kernel %s is not built yet; this takes a while once", k)
	}
	start := time.Now()
	w := &work{Builder: b, ctx: ctx, k: k}
	img, err := w.make(asked)
	if err != nil && ctx.Err() == nil {
		if k.Moving && !errors.Is(err, ErrUnavailable) {
			// Whatever it is, it may be gone tomorrow.
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		b.Cache.note(k.ID(), err)
	}
	if err != nil {
		return Image{}, fmt.Errorf("build kernel %s: %w", k, err)
	}
	b.Cache.note(k.ID(), nil)
	if have && old.Dir == img.Dir {
		b.say("kernel %s is up to date (%s)", k, img.Origin)
		return img, nil
	}
	b.say("kernel %s is ready after %.0f s (%s)", k, time.Since(start).Seconds(), img.Origin)
	b.collect()
	return img, nil
}

// work is one build.
type work struct {
	*Builder
	ctx context.Context
	k   kernels.Kernel
	apt *apt.State
}

// make runs the stages. Each is skipped when its directory is there.
func (w *work) make(asked bool) (Image, error) {
	if err := w.openPackages(asked); err != nil {
		return Image{}, err
	}
	if w.k.VM == kernels.QEMU {
		return w.makeMachine()
	}
	return w.makeUML()
}

// makeUML runs the stages of a user-mode kernel.
func (w *work) makeUML() (Image, error) {
	in, err := w.umlInputs()
	if err != nil {
		return Image{}, err
	}
	uml, err := w.umlStage(in)
	if err != nil {
		return Image{}, err
	}
	var compiler fileID
	if w.k.Source != "" {
		if in.Source, err = w.sourceVersion(uml.release); err != nil {
			return Image{}, err
		}
		in.Zones = zonesOf(w.k)
		if compiler, err = w.moduleInputs(&in); err != nil {
			return Image{}, err
		}
	}
	dir := filepath.Join(w.Cache.Root, "images", w.k.ID()+"-"+in.key())
	if !complete(dir) {
		if err := w.imageStage(dir, in, uml); err != nil {
			return Image{}, err
		}
	}
	img := Image{
		Name: w.k.Name, Dir: dir, Release: uml.release,
		Linux:   filepath.Join(dir, "linux.uml"),
		Modules: filepath.Join(dir, "lib", "modules", uml.release),
		Origin:  w.origin(in.UML, in.Libraries, in), Size: treeSize(dir), Built: time.Now().UTC().Truncate(time.Second),
		Inputs: in, Compiler: compiler,
	}
	if in.Libraries != "" {
		img.Libraries = filepath.Join(dir, libDir)
	}
	return img, w.keep(&img)
}

// umlInputs are those of the kernel's package and what belongs to it.
func (w *work) umlInputs() (Inputs, error) {
	in := Inputs{Recipe: recipe, Kernel: w.k.ID()}
	var err error
	if in.UML, err = w.umlVersion(); err != nil {
		return in, err
	}
	if in.Libraries, err = w.libraries(in.UML); err != nil {
		return in, err
	}
	if in.Libraries != "" {
		if err := libraryPath(w.Cache.Root); err != nil {
			return in, err
		}
		in.Root = w.Cache.Root
	}
	return in, nil
}

// moduleInputs adds what modules are built with, the source aside.
func (w *work) moduleInputs(in *Inputs) (compiler fileID, err error) {
	if in.Patches, err = w.patchesOf(w.k); err != nil {
		return fileID{}, err
	}
	gcc, err := findTool("gcc")
	if err != nil {
		return fileID{}, err
	}
	if in.Compiler, err = compilerVersion(gcc); err != nil {
		return fileID{}, err
	}
	return identify(gcc), nil
}

// keep makes an image the current one of its kernel.
func (w *work) keep(img *Image) error {
	img.LinuxID = identify(img.Linux)
	if old, err := w.Cache.Load(w.k.ID()); err == nil && old.Dir == img.Dir {
		img.Built = old.Built
	}
	return w.Cache.save(w.k.ID(), *img)
}

// origin tells in words what an image is made from.
func (w *work) origin(version, libraries string, in Inputs) string {
	text := w.k.Package + " " + version
	// The other libraries hold little but notes and compatibility.
	libs := strings.Split(libraries, ", ")
	if i := slices.IndexFunc(libs, func(p string) bool { return strings.HasPrefix(p, "libc6 ") }); i >= 0 {
		text += " with " + libs[i]
	}
	if in.Source != "" {
		text += ", " + w.k.Source + " " + in.Source
	}
	if w.k.Patches != "" {
		n := countPatches(w.Patches, w.k.Patches)
		if w.k.Without != "" {
			n--
		}
		text += fmt.Sprintf(", a series of %d patches", n)
	}
	return text
}

// stageDir makes a directory by fill, unless it is complete already.
func stageDir(dir string, fill func() error) error {
	if complete(dir) {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clean cache: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("fill cache: %w", err)
	}
	if err := fill(); err != nil {
		// Broken pieces are of no use and can be large.
		_ = removeAll(dir)
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, completeName), nil, 0o644); err != nil {
		return fmt.Errorf("fill cache: %w", err)
	}
	return nil
}

// fetch downloads a package, hands it to use and removes it.
func (w *work) fetch(pkg, version, dir string, use func(deb string) error) error {
	size, err := w.apt.Size(w.ctx, pkg, version)
	if err != nil {
		return err
	}
	var deb string
	err = w.step(fmt.Sprintf("downloading %s %s (%d MB)", pkg, version, (size+500_000)/1_000_000), func() error {
		deb, err = w.apt.Download(w.ctx, pkg, version, dir)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(deb) }()
	return w.step("unpacking "+pkg+" "+version, func() error { return use(deb) })
}
