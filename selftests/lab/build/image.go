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
		return w.step("building the patched modules", func() error {
			return w.logged("modules", func(log *os.File) error {
				return w.buildModules(log, dir, src, kdir, tree, uml)
			})
		})
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

// buildModules builds our modules, lays them over the stock ones and indexes
// the tree.
func (w *work) buildModules(log *os.File, dir, src, kdir, tree string, uml umlKernel) error {
	tmp := filepath.Join(dir, "build")
	defer func() { _ = os.RemoveAll(tmp) }()
	kmod, ext := filepath.Join(tmp, "kmod"), filepath.Join(tmp, "ext")
	if err := copyFS(kmod, w.Patches); err != nil {
		return err
	}
	if err := w.command(w.ctx, log, tmp, "make", "-C", kmod, "ext", "SRC="+src, "EXT="+ext); err != nil {
		return err
	}
	if err := w.command(w.ctx, log, tmp, "make", jobs(), "-C", kmod, "modules", "KDIR="+kdir, "EXT="+ext, "ARCH=um"); err != nil {
		return err
	}
	updates := filepath.Join(tree, "updates")
	if err := os.MkdirAll(updates, 0o755); err != nil {
		return fmt.Errorf("install modules: %w", err)
	}
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
	if err := checkTree(uml.modules, updates); err != nil {
		return err
	}
	return w.command(w.ctx, log, tmp, "depmod", "-b", dir, uml.release)
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
