// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cavaliergopher/cpio"

	"github.com/dpscope/dpscope/selftests/lab/modtree"
	"github.com/dpscope/dpscope/selftests/lab/wire"
)

const initrdName = "modules.cpio"

// bootModules are what the first process needs to reach the host and to make a
// root of its own. Some kernels have some of them built in.
var bootModules = []string{"virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay"}

// writeInitrd writes an archive with the modules that must be there before any
// file system of the host is.
func writeInitrd(ctx context.Context, tree, to string) error {
	dep, err := os.ReadFile(filepath.Join(tree, "modules.dep"))
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	builtin, err := os.ReadFile(filepath.Join(tree, "modules.builtin"))
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	files, err := bootFiles(string(dep), string(builtin))
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	f, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	defer f.Close()
	buf := bufio.NewWriter(f)
	w := cpio.NewWriter(buf)
	if err := w.WriteHeader(&cpio.Header{Name: wire.BootModules, Mode: cpio.TypeDir | 0o755}); err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	for i, file := range files {
		data, err := readModule(ctx, filepath.Join(tree, file))
		if err != nil {
			return fmt.Errorf("make initrd: %w", err)
		}
		// The names sort in the order of loading.
		name := fmt.Sprintf("%s/%02d-%s.ko", wire.BootModules, i, modtree.Name(file))
		if err := w.WriteHeader(&cpio.Header{Name: name, Mode: cpio.TypeReg | 0o644, Size: int64(len(data))}); err != nil {
			return fmt.Errorf("make initrd: %w", err)
		}
		if _, err := w.Write(data); err != nil {
			return fmt.Errorf("make initrd: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	return nil
}

// bootFiles lists the files of the boot modules in the order of loading.
func bootFiles(dep, builtin string) ([]string, error) {
	var inKernel []string
	for file := range strings.FieldsSeq(builtin) {
		inKernel = append(inKernel, modtree.Name(file))
	}
	var all []string
	for _, name := range bootModules {
		files, ok := modtree.Files(dep, name)
		if !ok && !slices.Contains(inKernel, modtree.Normal(name)) {
			return nil, fmt.Errorf("the kernel has no module %s", name)
		}
		for _, f := range files {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// readModule reads a module, unpacked.
func readModule(ctx context.Context, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	command := unpacker(data)
	if command == nil {
		return data, nil
	}
	if err := checkTools(unpackTools(command[0])); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = filter(ctx, bytes.NewReader(data), func(r io.Reader) error {
		_, err := out.ReadFrom(r)
		return err
	}, command...)
	return out.Bytes(), err
}
