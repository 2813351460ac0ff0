// SPDX-License-Identifier: Apache-2.0

package modstate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// tree is a kernel's module directory.
type tree struct {
	fsys fs.FS
	dir  string
	// files are the modules modprobe knows, by name; builtin those it takes
	// for loaded.
	files, builtin map[string]string
	// missing tells that there is no such directory, or no index in it.
	missing bool
}

// openTree reads the indexes of a kernel's modules. depmod has put the file that
// wins, where several have one name, into modules.dep.
func openTree(fsys fs.FS, release string) (*tree, error) {
	t := &tree{fsys: fsys, dir: release}
	var err error
	if t.files, err = t.index("modules.dep"); errors.Is(err, fs.ErrNotExist) {
		t.missing, err = true, nil
	}
	if err != nil {
		return nil, err
	}
	if t.builtin, err = t.index("modules.builtin"); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return t, err
}

// maxIndex bounds an index; that of a distribution's kernel has under a
// megabyte.
const maxIndex = 32 << 20

func (t *tree) index(name string) (map[string]string, error) {
	f, err := t.fsys.Open(path.Join(t.dir, name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	files, err := parseIndex(io.LimitReader(f, maxIndex))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return files, nil
}

// parseIndex reads the files of our modules out of modules.dep or
// modules.builtin: one a line, in the former followed by a colon and what it
// needs. As with modprobe, the first one of a name counts.
func parseIndex(r io.Reader) (map[string]string, error) {
	files := map[string]string{}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		file, _, _ := strings.Cut(s.Text(), ":")
		name := moduleName(file)
		for _, n := range Names {
			if _, ok := files[n]; n == name && !ok {
				files[n] = file
			}
		}
	}
	return files, s.Err()
}

// moduleName is what the kernel calls the module in a file.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// module tells what modprobe would load, and gives the file's build note.
func (t *tree) module(name string) (m Module, note []byte, err error) {
	m = Module{Name: name, Installed: None}
	file, ok := t.files[name]
	if !ok {
		if _, ok := t.builtin[name]; ok {
			m.Installed = Builtin
		}
		return m, nil, nil
	}
	m.File, m.Installed = file, Unknown
	where := path.Join(t.dir, file)
	if path.IsAbs(file) || !fs.ValidPath(where) {
		return m, nil, nil
	}
	f, err := t.fsys.Open(where)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return m, nil, nil
	}
	if err != nil {
		return m, nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxModule))
	if err != nil {
		return m, nil, err
	}
	object := inspect(name, data)
	m.Installed, m.Signed = object.kind, object.signed
	return m, object.note, nil
}
