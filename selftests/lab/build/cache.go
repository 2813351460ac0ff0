// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package build makes the lab's kernels from Debian packages and keeps them in
// the user's cache directory:
//
//	apt/                 private package lists (see package apt)
//	stages/<what>-<key>/ packages, sources and build directories
//	trees/<package>_…/   what of a source is run: tests and netlink tools
//	images/<id>-<key>/   what a guest boots: a kernel, lib/modules, an initrd
//	images/<id>.json     which of them is current, and what it was made from
//	suites/<name>-<key>/ the file tree of a Debian suite, in root
//	suites/<name>.json   as for images; <name>.lock is held to build it
//	kvm/<id>-<key>.json  whether the host's processors run an image
//	logs/, slots/, lock
//
// A directory counts only once the file "complete" is in it, so that a build
// that was cut off is done again and never used.
package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// Cache is the directory everything is kept in.
type Cache struct {
	Root string
}

// DefaultCache is dpscope/lab below the user's cache directory.
func DefaultCache() (*Cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find cache directory: %w (set HOME or XDG_CACHE_HOME)", err)
	}
	if !utf8.ValidString(dir) {
		// Manifests and the guest's command line are text.
		return nil, fmt.Errorf("find cache directory: %q is not valid UTF-8 (set XDG_CACHE_HOME)", dir)
	}
	return &Cache{Root: filepath.Join(dir, "dpscope", "lab")}, nil
}

// SlotDir is where guests keep their processor locks.
func (c *Cache) SlotDir() string { return filepath.Join(c.Root, "slots") }

func (c *Cache) stage(what, key string) string {
	return filepath.Join(c.Root, "stages", what+"-"+key)
}

func (c *Cache) manifest(id string) string {
	return filepath.Join(c.Root, "images", id+".json")
}

func (c *Cache) sourceStage(version string) string {
	return c.stage("source", fmt.Sprintf("%s-%d", version, recipe))
}

// sourceDir is the source tree in its stage.
const sourceDir = "linux"

// ModuleDirs gives the kernel's source (what building modules takes of it) and
// the build directory configured as the kernel was: KDIR for more modules.
// Both are empty for a kernel that was not built from source.
func (c *Cache) ModuleDirs(img Image) (src, kdir string) {
	if img.Inputs.Source == "" {
		return "", ""
	}
	stage := c.sourceStage(img.Inputs.Source)
	if !complete(stage) {
		return "", ""
	}
	src = filepath.Join(stage, sourceDir)
	if img.Inputs.Headers != "" {
		headers := c.stage("headers", img.Inputs.headersKey())
		if kdir, err := buildDir(headers); err == nil && complete(headers) {
			return src, kdir
		}
		return "", ""
	}
	if kdir = c.stage("prepared", img.Inputs.prepared().key()); complete(kdir) {
		return src, kdir
	}
	return "", ""
}

const completeName = "complete"

func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, completeName))
	return err == nil
}

// Image is a kernel ready to boot.
type Image struct {
	Name string `json:"name"`
	// VM is what runs it; empty is user-mode Linux.
	VM kernels.VM `json:"vm,omitempty"`
	// Dir holds the image and its lock.
	Dir string `json:"dir"`
	// Linux, Modules and Release are what guest.Options wants.
	Linux   string `json:"linux"`
	Modules string `json:"modules"`
	Release string `json:"release"`
	// Libraries is the directory with the C library that Linux needs instead of
	// the system's; empty when it does not.
	Libraries string `json:"libraries,omitempty"`
	// Initrd is the archive with the modules a machine needs to start.
	Initrd string `json:"initrd,omitempty"`
	// Base is the stage whose release decided which version was taken.
	Base string `json:"base,omitempty"`
	// Origin tells in words what the image was made from.
	Origin string    `json:"origin"`
	Size   int64     `json:"size_bytes"`
	Built  time.Time `json:"built"`
	Inputs Inputs    `json:"inputs"`
	// Compiler is the file behind Inputs.Compiler, to see a change without
	// running it.
	Compiler fileID `json:"compiler,omitzero"`
	// LinuxID tells whether the kernel is still the file that was built.
	LinuxID fileID `json:"linux_id"`
}

// fileID recognises a file without reading it.
type fileID struct {
	Path  string    `json:"path"`
	Size  int64     `json:"size"`
	MTime time.Time `json:"mtime"`
}

func identify(path string) fileID {
	st, err := os.Stat(path)
	if err != nil {
		return fileID{}
	}
	return fileID{Path: path, Size: st.Size(), MTime: st.ModTime().UTC()}
}

func (f fileID) same(g fileID) bool {
	return f.Path == g.Path && f.Size == g.Size && f.MTime.Equal(g.MTime)
}

// Load reads what is built of a kernel, by its ID. The error is fs.ErrNotExist when
// nothing is.
func (c *Cache) Load(id string) (Image, error) {
	var img Image
	if err := loadManifest(c.manifest(id), &img); err != nil {
		return img, fmt.Errorf("kernel %s: %w", id, err)
	}
	if !complete(img.Dir) || !identify(img.Linux).same(img.LinuxID) {
		return img, fmt.Errorf("kernel %s: the image is damaged: %w", id, fs.ErrNotExist)
	}
	if _, err := os.Stat(filepath.Join(img.Modules, "modules.dep")); err != nil {
		return img, fmt.Errorf("kernel %s: the module tree is damaged: %w", id, err)
	}
	return img, nil
}

func (c *Cache) save(id string, img Image) error {
	if err := saveManifest(c.manifest(id), img); err != nil {
		return fmt.Errorf("kernel %s: %w", id, err)
	}
	return nil
}

func (c *Cache) failure(id string) string {
	return filepath.Join(c.Root, "images", id+".failed")
}

// note keeps why a kernel could not be built, for whoever lists the kernels
// later; no error takes the note away.
func (c *Cache) note(id string, err error) { writeNote(c.failure(id), err) }

// Failure tells why a kernel could not be built the last time, or "".
func (c *Cache) Failure(id string) string { return readNote(c.failure(id)) }

// Stale tells why an image no longer is what its inputs lead to, or "". It
// looks at what costs nothing: recipe, patches and compiler, not at the
// versions the package sources offer by now.
func (b *Builder) Stale(k kernels.Kernel, img Image) string {
	if img.Inputs.Recipe != recipe {
		return "it was made by another version of the lab"
	}
	if img.Inputs.Machine != machineRecipeOf(k) {
		return "it was made by another version of the lab"
	}
	if k.Source == "" {
		return ""
	}
	if img.Inputs.Without != k.Without {
		return "another patch is left out now"
	}
	if img.Inputs.Zones != zonesOf(k) {
		return "conntrack zones are added in another way now"
	}
	patches, err := b.patchesOf(k)
	if err != nil || patches != img.Inputs.Patches {
		return "the patches have changed"
	}
	path, err := findTool("gcc")
	if err != nil || identify(path).same(img.Compiler) {
		// Without a compiler the image is as good as it gets.
		return ""
	}
	version, err := compilerVersion(path)
	if err == nil && version != img.Inputs.Compiler {
		return "the compiler has changed"
	}
	return ""
}

// zonesOf is what Inputs.Zones of a kernel should be.
func zonesOf(k kernels.Kernel) int {
	if k.Zones {
		return zonesRecipe
	}
	return 0
}

// patchesOf is what Inputs.Patches of a kernel should be.
func (b *Builder) patchesOf(k kernels.Kernel) (string, error) {
	if k.Patches == "" {
		return "", nil
	}
	return hashPatches(b.Patches, k.Patches)
}

// treeSize adds up the files of a directory, each inode once.
func treeSize(dir string) int64 {
	var size int64
	seen := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if ino, ok := inode(info); !ok || !seen[ino] {
			seen[ino] = true
			size += info.Size()
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	return size
}
