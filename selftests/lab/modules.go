// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dpscope/dpscope/selftests/lab/build"
)

// ErrModules is the cause when a directory does not have the kernel's modules.
var ErrModules = errors.New("not the modules of this kernel")

// moduleDir gives the module directory to use with an image.
func moduleDir(dir string, img build.Image) (string, error) {
	if dir == "" {
		return img.Modules, nil
	}
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err == nil {
		_, err = os.Stat(filepath.Join(path, "modules.dep"))
	}
	if err != nil {
		return "", fmt.Errorf("use modules %s: %w: %w", dir, ErrModules, err)
	}
	if name := filepath.Base(path); name != img.Release {
		return "", fmt.Errorf("use modules %s: %w: the directory is %s, the kernel %s", dir, ErrModules, name, img.Release)
	}
	return path, nil
}
