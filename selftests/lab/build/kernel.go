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
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// umlKernel is an unpacked user-mode Linux package.
type umlKernel struct {
	dir, linux, modules, release string
	// libs is the directory with its C library, if it brings one.
	libs string
}

// command runs the kernel's program as an ordinary one.
func (uml umlKernel) command(ctx context.Context, arg string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, uml.linux, arg)
	if uml.libs != "" {
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+uml.libs)
	}
	return cmd
}

// umlVersion picks the newest version of the kernel's package in its series.
func (w *work) umlVersion() (string, error) {
	versions, err := w.apt.Versions(w.ctx, w.k.Package)
	if err != nil {
		return "", err
	}
	for _, v := range versions {
		if kernels.InSeries(v, w.k.Series) {
			return v, nil
		}
	}
	hint := ""
	if w.k.Suite == "" {
		hint = " (Debian 12, bookworm, has it)"
	}
	return "", fmt.Errorf("find %s %s: %w: %s has %s%s", w.k.Package, w.k.Series, ErrUnavailable, w.where(), offer(versions), hint)
}

// offer words the versions there are.
func offer(versions []string) string {
	if len(versions) == 0 {
		return "no such package"
	}
	return strings.Join(versions, ", ")
}

// umlStage unpacks the kernel, its modules and the libraries it brings.
func (w *work) umlStage(in Inputs) (umlKernel, error) {
	dir := w.Cache.stage("uml", in.umlKey())
	uml := umlKernel{dir: dir, linux: filepath.Join(dir, "linux.uml")}
	if in.Libraries != "" {
		uml.libs = filepath.Join(dir, libDir)
	}
	if err := stageDir(dir, func() error { return w.unpackUML(uml, in) }); err != nil {
		return uml, err
	}
	out, err := uml.command(w.ctx, "--version").Output()
	if err != nil {
		return uml, fmt.Errorf("run %s --version: %w (does this machine run programs of Debian?)", uml.linux, err)
	}
	if uml.release, err = kernels.ParseRelease(string(out)); err != nil {
		return uml, err
	}
	uml.modules = filepath.Join(dir, "modules", uml.release)
	if _, err := os.Stat(filepath.Join(uml.modules, "modules.dep")); err != nil {
		return uml, fmt.Errorf("%s %s: its modules are not those of its kernel %s: %w", w.k.Package, in.UML, uml.release, err)
	}
	return uml, nil
}

func (w *work) unpackUML(uml umlKernel, in Inputs) error {
	unpack := func(deb string, where place) error {
		return debMembers(w.ctx, deb, func(r io.Reader) error { return untar(r, uml.dir, where) })
	}
	err := w.fetch(w.k.Package, in.UML, uml.dir, func(deb string) error {
		return unpack(deb, func(name string) string {
			if name == "usr/bin/linux.uml" {
				return "linux.uml"
			}
			if rest, ok := strings.CutPrefix(name, "usr/lib/uml/modules/"); ok {
				return "modules/" + rest
			}
			return ""
		})
	})
	if err != nil {
		return err
	}
	if err := os.Chmod(uml.linux, 0o755); err != nil {
		return fmt.Errorf("unpack %s: %w", w.k.Package, err)
	}
	if uml.libs == "" {
		return nil
	}
	for p := range strings.SplitSeq(in.Libraries, ", ") {
		pkg, version, _ := strings.Cut(p, " ")
		err := w.fetch(pkg, version, uml.dir, func(deb string) error {
			return unpack(deb, func(name string) string {
				if isLibrary(name) {
					return libDir + "/" + path.Base(name)
				}
				return ""
			})
		})
		if err != nil {
			return err
		}
	}
	return withLibraries(uml.linux, uml.linux, uml.libs)
}

// sourceVersion picks the source package that is exactly the kernel's, or for
// zones alone the nearest: Debian builds user-mode kernels from sources that
// its archive may no longer have. Structures rarely change between two point
// releases, but nothing would tell if one did.
func (w *work) sourceVersion(release string) (string, error) {
	versions, err := w.apt.Versions(w.ctx, w.k.Source)
	if err != nil {
		return "", err
	}
	v, ok := kernels.SourceFor(versions, release)
	if !ok && w.k.Patches == "" {
		if v, ok = kernels.NearestSource(versions, release); ok {
			w.say("the source at hand nearest to kernel %s is %s", release, v)
		}
	}
	if !ok {
		return "", fmt.Errorf("find %s %s, the source of the user-mode kernel: %w: %s has %s",
			w.k.Source, release, ErrUnavailable, w.where(), strings.Join(versions, ", "))
	}
	return v, nil
}

// sourceStage unpacks as much of the kernel's source as building modules takes.
func (w *work) sourceStage(version string) (string, error) {
	dir := w.Cache.sourceStage(version)
	src := filepath.Join(dir, sourceDir)
	return src, stageDir(dir, func() error { return w.withTree(version, dir, part{src, wantSource}) })
}

// fetchSource downloads the source package into a directory and unpacks parts
// of it.
func (w *work) fetchSource(version, dir string, parts ...part) error {
	return w.fetch(w.k.Source, version, dir, func(deb string) error {
		return debMembers(w.ctx, deb, func(r io.Reader) error { return w.unpackSource(r, parts) })
	})
}

// unpackSource finds the compressed tree in the package and unpacks it on the
// fly: it is 1.3 GB, of which a fraction is wanted.
func (w *work) unpackSource(deb io.Reader, parts []part) error {
	r, err := findMember(deb, "usr/src/"+w.k.Source+".tar.xz")
	if err != nil {
		return fmt.Errorf("unpack %s: %w", w.k.Source, err)
	}
	where, err := placeParts(w.Cache.Root, parts)
	if err != nil {
		return err
	}
	return filter(w.ctx, r, func(r io.Reader) error { return untar(r, w.Cache.Root, where) }, "xz", "-dc", "-T0")
}

// prepareStage configures the source as the kernel was, for building modules.
func (w *work) prepareStage(in Inputs, uml umlKernel) (src, kdir string, err error) {
	if src, err = w.sourceStage(in.Source); err != nil {
		return "", "", err
	}
	kdir = w.Cache.stage("prepared", in.prepared().key())
	err = stageDir(kdir, func() error {
		return w.step("configuring the source as the kernel was", func() error {
			return w.logged("prepare", func(log *os.File) error {
				config, err := uml.command(w.ctx, "--showconfig").Output()
				if err != nil {
					return fmt.Errorf("run %s --showconfig: %w", uml.linux, err)
				}
				if in.Zones != 0 {
					if config, err = zoneConfig(config); err != nil {
						return fmt.Errorf("configure source: %w", err)
					}
				}
				if err := os.WriteFile(filepath.Join(kdir, ".config"), config, 0o644); err != nil {
					return fmt.Errorf("configure source: %w", err)
				}
				for _, target := range []string{"olddefconfig", "modules_prepare"} {
					if err := w.command(w.ctx, log, src, "make", "-C", src, "ARCH=um", "O="+kdir, jobs(), sublevel(uml), target); err != nil {
						return err
					}
				}
				if in.Zones != 0 {
					return addZoneHeader(src, kdir)
				}
				return nil
			})
		})
	})
	return src, kdir, err
}

// sublevel makes a source of another point release call itself as the kernel
// does: the kernel refuses modules otherwise.
func sublevel(uml umlKernel) string {
	n, ok := kernels.Sublevel(uml.release)
	if !ok {
		// An empty override would be one.
		return "--no-print-directory"
	}
	return fmt.Sprintf("SUBLEVEL=%d", n)
}

// logged gives a step its log file.
func (w *work) logged(step string, run func(log *os.File) error) error {
	dir := filepath.Join(w.Cache.Root, "logs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, w.k.ID()+"-"+step+".log"))
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	return run(log)
}

// copyFS writes embedded files into a directory.
func copyFS(dir string, files fs.FS) error {
	if err := os.CopyFS(dir, files); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write patches: %w", err)
	}
	return nil
}
