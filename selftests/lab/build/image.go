// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func jobs() string { return fmt.Sprintf("-j%d", runtime.NumCPU()) }

// imageStage puts kernel and module tree together, with our modules where the
// kernel has some.
func (w *work) imageStage(dir string, in Inputs, uml umlKernel) error {
	var src, kdir string
	if w.k.Source != "" {
		var err error
		if src, kdir, err = w.prepareStage(in, uml); err != nil {
			return err
		}
	}
	return stageDir(dir, func() error {
		if err := w.placeKernel(dir, uml); err != nil {
			return err
		}
		tree := filepath.Join(dir, "lib", "modules", uml.release)
		if err := linkTree(uml.modules, tree); err != nil {
			return err
		}
		if w.k.Source == "" {
			return nil
		}
		updates := filepath.Join(tree, "updates")
		if err := os.MkdirAll(updates, 0o755); err != nil {
			return fmt.Errorf("install modules: %w", err)
		}
		if in.Zones != 0 {
			err := w.step("building the conntrack modules with zones", func() error {
				return w.logged("zones", func(log *os.File) error { return w.buildZones(log, dir, src, kdir, updates, uml) })
			})
			if err != nil {
				return err
			}
		}
		if w.k.Patches != "" {
			err := w.step("building the patched modules", func() error {
				return w.logged("modules", func(log *os.File) error { return w.buildModules(log, dir, src, kdir, updates, "ARCH=um") })
			})
			if err != nil {
				return err
			}
		}
		return w.logged("depmod", func(log *os.File) error { return w.index(log, dir, tree, updates, uml) })
	})
}

// placeKernel puts the kernel into an image. With libraries of its own it is a
// copy: it holds the path of those in the image.
func (w *work) placeKernel(dir string, uml umlKernel) error {
	linux := filepath.Join(dir, "linux.uml")
	if uml.libs == "" {
		return linkTree(uml.linux, linux)
	}
	libs := filepath.Join(dir, libDir)
	if err := linkTree(uml.libs, libs); err != nil {
		return err
	}
	return withLibraries(uml.linux, linux, libs)
}

// buildModules builds our modules. Variables are those of kmod's makefile.
func (w *work) buildModules(log *os.File, dir, src, kdir, updates string, variables ...string) error {
	tmp := filepath.Join(dir, "build")
	defer func() { _ = os.RemoveAll(tmp) }()
	kmod, ext := filepath.Join(tmp, "kmod"), filepath.Join(tmp, "ext")
	if err := copyFS(kmod, w.Patches); err != nil {
		return err
	}
	if err := w.command(w.ctx, log, tmp, "make", "-C", kmod, "ext", "SRC="+src, "EXT="+ext); err != nil {
		return err
	}
	if w.k.Without != "" {
		if err := w.takeBack(log, kmod, ext); err != nil {
			return err
		}
	}
	args := append([]string{"make", jobs(), "-C", kmod, "modules", "KDIR=" + kdir, "EXT=" + ext}, variables...)
	if err := w.command(w.ctx, log, tmp, args...); err != nil {
		return err
	}
	return install(ext, updates)
}

// takeBack undoes one patch of the series. Those after it may have changed what
// surrounds it.
func (w *work) takeBack(log *os.File, kmod, ext string) error {
	found, _ := filepath.Glob(filepath.Join(kmod, "patches", w.k.Patches, "*-"+w.k.Without+"*.patch"))
	if len(found) != 1 {
		return fmt.Errorf("take back patch %s: %d patches have that name, not one", w.k.Without, len(found))
	}
	return w.command(w.ctx, log, ext, "git", "apply", "-R", "-C1", found[0])
}

// buildZones builds the modules that deal with conntrack zones.
func (w *work) buildZones(log *os.File, dir, src, kdir, updates string, uml umlKernel) error {
	ext := filepath.Join(dir, "build")
	defer func() { _ = os.RemoveAll(ext) }()
	modules := maps.Clone(zoneModules)
	if w.k.Patches == "" {
		modules["net/openvswitch"] = ovsModules
	}
	if err := zoneSources(src, ext, modules); err != nil {
		return err
	}
	// Without the kernel's symbol list, which no package has, every import is
	// unresolved here; the kernel resolves them.
	err := w.command(w.ctx, log, ext, "make", jobs(), "-C", kdir, "ARCH=um", sublevel(uml), "M="+ext, "KBUILD_MODPOST_WARN=1", "modules")
	if err != nil {
		return err
	}
	return install(ext, updates)
}

// install moves what a build made.
func install(ext, updates string) error {
	built := 0
	err := filepath.WalkDir(ext, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".ko") {
			return err
		}
		built++
		return os.Rename(path, filepath.Join(updates, d.Name()))
	})
	if err != nil {
		return fmt.Errorf("install modules: %w", err)
	}
	if built == 0 {
		return errors.New("install modules: the build made none")
	}
	return nil
}

// index checks the modules of an image against each other and makes them
// known to modprobe.
func (w *work) index(log *os.File, dir, tree, updates string, uml umlKernel) error {
	if err := checkTree(uml.modules, updates); err != nil {
		return err
	}
	if w.k.Zones {
		out, err := leaveOut(tree, updates)
		if err != nil {
			return err
		}
		if len(out) > 0 {
			w.say("  left out, as the new modules lack what they import: %s", strings.Join(out, ", "))
		}
	}
	return w.command(w.ctx, log, dir, "depmod", "-b", dir, uml.release)
}

// checkTree compares the version magic of our modules with the stock ones',
// which this kernel is known to load. Without module versions the kernel would
// take a module of another layout and crash later.
func checkTree(stock, updates string) error {
	want, err := vermagic(filepath.Join(stock, "kernel", "net", "psample", "psample.ko"))
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(updates, "*.ko"))
	if err != nil {
		return fmt.Errorf("check modules: %w", err)
	}
	for _, f := range files {
		got, err := vermagic(f)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("check module %s: its version magic is %q, the kernel's %q", filepath.Base(f), got, want)
		}
	}
	return nil
}

// vermagic reads a module's version magic.
func vermagic(path string) (string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("check module: %w", err)
	}
	defer func() { _ = f.Close() }()
	s := f.Section(".modinfo")
	if s == nil {
		return "", fmt.Errorf("check module %s: no .modinfo section", path)
	}
	data, err := s.Data()
	if err != nil {
		return "", fmt.Errorf("check module %s: %w", path, err)
	}
	for field := range bytes.SplitSeq(data, []byte{0}) {
		if v, ok := bytes.CutPrefix(field, []byte("vermagic=")); ok {
			return string(v), nil
		}
	}
	return "", fmt.Errorf("check module %s: no version magic", path)
}

// linkTree makes a tree of hard links, or copies where the file system has
// none. A program that changes such a file must replace it; depmod does.
func linkTree(from, to string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			// build and source links lead nowhere here.
			return nil
		}
		if os.Link(path, target) == nil {
			return nil
		}
		return copyFile(path, target)
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, st.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	return err
}
