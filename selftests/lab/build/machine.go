// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/lab/apt"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// machineKernel is an unpacked kernel for real machines.
type machineKernel struct {
	dir, vmlinuz, modules, release string
}

// makeMachine runs the stages of a kernel for qemu.
func (w *work) makeMachine() (Image, error) {
	in := Inputs{Recipe: recipe, Machine: machineRecipe, Kernel: w.k.ID(), Without: w.k.Without}
	version, base, err := w.machineVersion()
	if err != nil {
		return Image{}, err
	}
	if in.Packages, err = w.release(w.k.Package, version); err != nil {
		return Image{}, err
	}
	kernel, err := w.kernelStage(in)
	if err != nil {
		return Image{}, err
	}
	var compiler fileID
	if w.k.Source != "" {
		if in.Headers, err = w.release(w.k.Headers, version); err != nil {
			return Image{}, err
		}
		in.Source = version
		if compiler, err = w.moduleInputs(&in); err != nil {
			return Image{}, err
		}
	}
	dir := filepath.Join(w.Cache.Root, "images", w.k.ID()+"-"+in.key())
	if !complete(dir) {
		if err := w.machineStage(dir, in, kernel); err != nil {
			return Image{}, err
		}
	}
	img := Image{
		Name: w.k.Name, VM: w.k.VM, Dir: dir, Release: kernel.release,
		Linux:   filepath.Join(dir, "vmlinux"),
		Modules: filepath.Join(dir, "lib", "modules", kernel.release),
		Initrd:  filepath.Join(dir, initrdName),
		Origin:  w.origin(version, "", in), Size: treeSize(dir), Built: time.Now().UTC().Truncate(time.Second),
		Base: base, Inputs: in, Compiler: compiler,
	}
	if _, err := os.Stat(img.Linux); err != nil {
		img.Linux = filepath.Join(dir, "vmlinuz")
	}
	return img, w.keep(&img)
}

// machineVersion picks the version of the kernel's package, and names the stage
// that told which, if there is one.
func (w *work) machineVersion() (version, base string, err error) {
	var wanted string
	if w.k.Base == kernels.AsUML {
		uml, err := w.userMode()
		if err != nil {
			return "", "", err
		}
		wanted, base = uml.release, uml.dir
	}
	all, err := w.apt.Versions(w.ctx, w.k.Package)
	if err != nil {
		return "", "", err
	}
	var versions []string
	for _, v := range all {
		if kernels.InSeries(v, w.k.Series) {
			versions = append(versions, v)
		}
	}
	if len(versions) == 0 {
		return "", "", fmt.Errorf("find %s %s: %w: %s has %s", w.k.Package, w.k.Series, ErrUnavailable, w.where(), offer(all))
	}
	if wanted == "" {
		return versions[0], base, nil
	}
	if v, ok := kernels.SourceFor(versions, wanted); ok {
		return v, base, nil
	}
	v, ok := kernels.NearestSource(versions, wanted)
	if !ok {
		return "", "", fmt.Errorf("find %s %s: %w: %s has %s", w.k.Package, wanted, ErrUnavailable, w.where(), offer(all))
	}
	w.say("the kernel at hand nearest to the user-mode kernel's %s is %s", wanted, v)
	return v, base, nil
}

// userMode is the series' user-mode kernel, unpacked.
func (w *work) userMode() (umlKernel, error) {
	k, err := kernels.Find(w.k.Series, kernels.UML)
	if err != nil {
		return umlKernel{}, err
	}
	uml := &work{Builder: w.Builder, ctx: w.ctx, k: k, apt: w.apt}
	in, err := uml.umlInputs()
	if err != nil {
		return umlKernel{}, err
	}
	return uml.umlStage(in)
}

// release lists a package and those made with it as "name version" words
// separated by commas.
func (w *work) release(pkg, version string) (string, error) {
	all, err := w.apt.Release(w.ctx, pkg, version)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var words []string
	for _, p := range all {
		words = append(words, p.Name+" "+p.Version)
	}
	return strings.Join(words, ", "), nil
}

// listed reads what release wrote.
func listed(packages string) []apt.Package {
	var all []apt.Package
	for p := range strings.SplitSeq(packages, ", ") {
		name, version, _ := strings.Cut(p, " ")
		all = append(all, apt.Package{Name: name, Version: version})
	}
	return all
}

// kernelStage unpacks the kernel and its modules. Where they lie in which
// package changes from one Debian to the next.
func (w *work) kernelStage(in Inputs) (machineKernel, error) {
	dir := w.Cache.stage("kernel", in.kernelKey())
	k := machineKernel{dir: dir, vmlinuz: filepath.Join(dir, "vmlinuz")}
	err := stageDir(dir, func() error {
		return w.unpackAll(listed(in.Packages), dir, func(name string) string {
			name = strings.TrimPrefix(name, "usr/")
			if strings.HasPrefix(name, "boot/vmlinuz-") || strings.HasPrefix(name, "lib/modules/") && filepath.Base(name) == "vmlinuz" {
				return "vmlinuz"
			}
			if rest, ok := strings.CutPrefix(name, "lib/modules/"); ok {
				return "modules/" + rest
			}
			return ""
		})
	})
	if err != nil {
		return k, err
	}
	trees, _ := os.ReadDir(filepath.Join(dir, "modules"))
	if len(trees) != 1 {
		return k, fmt.Errorf("%s: its packages hold %d module trees, not one", w.k.Package, len(trees))
	}
	if k.release, err = kernels.ParseRelease(trees[0].Name()); err != nil {
		return k, err
	}
	k.modules = filepath.Join(dir, "modules", k.release)
	if _, err := os.Stat(k.vmlinuz); err != nil {
		return k, fmt.Errorf("%s: its packages hold no kernel: %w", w.k.Package, err)
	}
	return k, nil
}

// unpackAll fetches packages and unpacks what is wanted of them.
func (w *work) unpackAll(all []apt.Package, dir string, where place) error {
	for _, p := range all {
		err := w.fetch(p.Name, p.Version, dir, func(deb string) error {
			return debMembers(w.ctx, deb, func(r io.Reader) error { return untar(r, dir, where) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// headersStage unpacks what building modules takes and gives the build
// directory. Its makefile names the place the package is meant for.
func (w *work) headersStage(in Inputs) (kdir string, err error) {
	dir := w.Cache.stage("headers", in.headersKey())
	err = stageDir(dir, func() error {
		err := w.unpackAll(listed(in.Headers), dir, func(name string) string {
			if strings.HasPrefix(name, "usr/src/") || strings.HasPrefix(name, "usr/lib/") {
				return name
			}
			return ""
		})
		if err != nil {
			return err
		}
		kdir, err := buildDir(dir)
		if err != nil {
			return err
		}
		path := filepath.Join(kdir, "Makefile")
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("prepare headers: %w", err)
		}
		// Relative: the cache may be moved.
		text = []byte(strings.ReplaceAll(string(text), " /usr/src/", " ../"))
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return fmt.Errorf("prepare headers: %w", err)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return buildDir(dir)
}

// buildDir finds the build directory among unpacked headers.
func buildDir(dir string) (string, error) {
	found, _ := filepath.Glob(filepath.Join(dir, "usr", "src", "*", "Module.symvers"))
	if len(found) != 1 {
		return "", fmt.Errorf("prepare headers: %d build directories, not one", len(found))
	}
	return filepath.Dir(found[0]), nil
}

// machineStage puts kernel, module tree and start-up archive together.
func (w *work) machineStage(dir string, in Inputs, kernel machineKernel) error {
	var src, kdir string
	if w.k.Source != "" {
		var err error
		if src, err = w.sourceStage(in.Source); err != nil {
			return err
		}
		if kdir, err = w.headersStage(in); err != nil {
			return err
		}
	}
	return stageDir(dir, func() error {
		ok, err := unpackKernel(w.ctx, kernel.vmlinuz, filepath.Join(dir, "vmlinux"))
		if err == nil && !ok {
			err = linkTree(kernel.vmlinuz, filepath.Join(dir, "vmlinuz"))
		}
		if err != nil {
			return err
		}
		tree := filepath.Join(dir, "lib", "modules", kernel.release)
		if err := linkTree(kernel.modules, tree); err != nil {
			return err
		}
		if w.k.Patches != "" {
			updates := filepath.Join(tree, "updates")
			if err := os.MkdirAll(updates, 0o755); err != nil {
				return fmt.Errorf("install modules: %w", err)
			}
			err := w.step("building the patched modules", func() error {
				return w.logged("modules", func(log *os.File) error {
					// What debuggers need takes half the time of the compiler.
					return w.buildModules(log, dir, src, kdir, updates, "KFLAGS=KCFLAGS=-g0")
				})
			})
			if err != nil {
				return err
			}
			if err := checkTree(kernel.modules, updates); err != nil {
				return err
			}
		}
		err = w.logged("depmod", func(log *os.File) error {
			return w.command(w.ctx, log, dir, "depmod", "-b", dir, kernel.release)
		})
		if err != nil {
			return err
		}
		return writeInitrd(w.ctx, tree, filepath.Join(dir, initrdName))
	})
}
