// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/google/go-cmp/cmp"
)

const (
	bootDep = `kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs.ko
kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko kernel/drivers/virtio.ko
kernel/fs/overlay.ko:
kernel/drivers/virtio_console.ko: kernel/drivers/virtio.ko
kernel/drivers/other.ko: kernel/drivers/virtio.ko
`
	bootBuiltin = "kernel/drivers/virtio_pci.ko\nkernel/drivers/tty.ko\n"
)

func TestBootFiles(t *testing.T) {
	got, err := bootFiles(bootDep, bootBuiltin)
	want := []string{
		"kernel/drivers/virtio.ko", "kernel/drivers/virtio_console.ko",
		"kernel/fs/netfs.ko", "kernel/net/9p/9pnet.ko", "kernel/fs/9p/9p.ko",
		"kernel/net/9p/9pnet_virtio.ko.xz", "kernel/fs/overlay.ko",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if files, err := bootFiles(bootDep, ""); err == nil {
		t.Errorf("without virtio_pci: %v", files)
	}
}

// TestWriteInitrd wants the modules in the order of loading and unpacked.
func TestWriteInitrd(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"modules.dep": bootDep, "modules.builtin": bootBuiltin}
	for _, name := range []string{
		"kernel/drivers/virtio.ko", "kernel/drivers/virtio_console.ko", "kernel/fs/netfs.ko", "kernel/net/9p/9pnet.ko",
		"kernel/fs/9p/9p.ko", "kernel/net/9p/9pnet_virtio.ko.xz", "kernel/fs/overlay.ko",
	} {
		files[name] = "content of " + name
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	packed := filepath.Join(dir, "kernel/net/9p/9pnet_virtio.ko")
	if err := os.Rename(packed+".xz", packed); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("xz", packed).CombinedOutput(); err != nil {
		t.Skipf("xz: %v: %s", err, out)
	}
	to := filepath.Join(dir, "out.cpio")
	if err := writeInitrd(t.Context(), dir, to); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names, texts []string
	for r := cpio.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names, texts = append(names, h.Name), append(texts, string(data))
	}
	want := []string{
		"modules", "modules/00-virtio.ko", "modules/01-virtio_console.ko", "modules/02-netfs.ko", "modules/03-9pnet.ko",
		"modules/04-9p.ko", "modules/05-9pnet_virtio.ko", "modules/06-overlay.ko",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatal(diff)
	}
	if texts[6] != "content of kernel/net/9p/9pnet_virtio.ko.xz" || texts[7] != "content of kernel/fs/overlay.ko" {
		t.Errorf("%q", texts)
	}
	if err := os.Remove(filepath.Join(dir, "kernel/fs/overlay.ko")); err != nil {
		t.Fatal(err)
	}
	if writeInitrd(t.Context(), dir, to) == nil {
		t.Error("without one of the files: written all the same")
	}
}
