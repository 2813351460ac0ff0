// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// place decides for an archive's member where it goes below the target
// directory; an empty string leaves it out. Names are clean and relative.
type place func(name string) string

// untar writes the members of an archive that place wants.
func untar(r io.Reader, dir string, where place) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer func() { _ = root.Close() }()
	made := map[string]bool{}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		name := path.Clean(strings.TrimPrefix(h.Name, "/"))
		if !filepath.IsLocal(name) {
			return fmt.Errorf("unpack: %q leads out of the archive", h.Name)
		}
		to := where(name)
		if to == "" || h.Typeflag == tar.TypeDir {
			continue
		}
		if parent := path.Dir(to); !made[parent] {
			if err := root.MkdirAll(parent, 0o755); err != nil {
				return fmt.Errorf("unpack: %w", err)
			}
			made[parent] = true
		}
		if err := writeMember(root, to, h, tr); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
}

func writeMember(root *os.Root, to string, h *tar.Header, r io.Reader) error {
	switch h.Typeflag {
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, to)
	case tar.TypeReg:
		f, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, h.FileInfo().Mode().Perm()|0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err == nil {
			// make compares times.
			err = root.Chtimes(to, h.ModTime, h.ModTime)
		}
		return err
	default:
		return fmt.Errorf("member of type %q", h.Typeflag)
	}
}

// filter runs a program and gives its output to use. What the program says on
// stderr goes into the error.
func filter(ctx context.Context, in io.Reader, use func(io.Reader) error, args ...string) error {
	program, err := findTool(args[0])
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Env, cmd.Stdin = toolEnv(), in
	gone := ownGroup(cmd)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	useErr := use(out)
	if useErr == nil {
		_, useErr = io.Copy(io.Discard, out)
	} else {
		_ = cmd.Cancel()
	}
	err = cmd.Wait()
	gone()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case useErr != nil:
		return useErr
	case err != nil:
		return fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return nil
}

// debMembers reads the files of a Debian package as a tar stream.
func debMembers(ctx context.Context, deb string, use func(io.Reader) error) error {
	return filter(ctx, nil, use, "dpkg-deb", "--fsys-tarfile", deb)
}

// wantSource tells which files of a kernel's source configuring it and building
// modules out of tree take: not the drivers, file systems and architectures,
// which are most of it, but their Kconfig files, without which the
// configuration would come out different.
func wantSource(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, "Kconfig") || strings.HasPrefix(base, "Kbuild") || strings.HasPrefix(base, "Makefile") {
		return true
	}
	top, rest, deep := strings.Cut(name, "/")
	switch top {
	case "Documentation", "LICENSES", "block", "drivers", "fs", "ipc", "samples", "sound", "virt", "mm", "crypto", "rust", "certs", "init", "io_uring":
		return !deep
	case "tools":
		return !deep || strings.HasPrefix(rest, "include/")
	case "arch":
		arch, _, _ := strings.Cut(rest, "/")
		return arch == "um" || arch == "x86" || !strings.Contains(rest, "/")
	}
	return true
}

// findMember reads an archive up to a member and gives its content.
func findMember(r io.Reader, want string) (io.Reader, error) {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the package has no %s", want)
		}
		if err != nil {
			return nil, err
		}
		if path.Clean(strings.TrimPrefix(h.Name, "/")) == want && h.Typeflag == tar.TypeReg {
			return tr, nil
		}
	}
}
