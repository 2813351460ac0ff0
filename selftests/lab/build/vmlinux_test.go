// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// kernelImage makes a kernel image around a payload.
func kernelImage(packed []byte) []byte {
	image := make([]byte, 3*512, 3*512+len(packed)+8)
	image[setupSects] = 1
	copy(image[bootMagic:], "HdrS")
	binary.LittleEndian.PutUint16(image[bootVersion:], 0x20f)
	binary.LittleEndian.PutUint32(image[payloadOffset:], 512)
	binary.LittleEndian.PutUint32(image[payloadLength:], uint32(len(packed)+4))
	return append(append(image, packed...), 1, 2, 3, 4, 0xff)
}

func TestPayload(t *testing.T) {
	good := kernelImage([]byte("kernel"))
	got, err := payload(good)
	if err != nil || string(got) != "kernel" {
		t.Errorf("payload = %q, %v", got, err)
	}
	for what, spoil := range map[string]func([]byte) []byte{
		"empty":      func([]byte) []byte { return nil },
		"cut off":    func(b []byte) []byte { return b[:bootHeaderEnd-1] },
		"no magic":   func(b []byte) []byte { b[bootMagic] = 'h'; return b },
		"old":        func(b []byte) []byte { b[bootVersion], b[bootVersion+1] = 7, 2; return b },
		"outside":    func(b []byte) []byte { b[payloadLength+3] = 0x7f; return b },
		"far away":   func(b []byte) []byte { copy(b[payloadOffset:], "\xff\xff\xff\xff"); return b },
		"too short":  func(b []byte) []byte { copy(b[payloadLength:], "\x03\x00\x00\x00"); return b },
		"short file": func(b []byte) []byte { return b[:len(b)-6] },
	} {
		if got, err := payload(spoil(bytes.Clone(good))); err == nil {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte{})
	f.Add(kernelImage(nil))
	f.Add(kernelImage([]byte("kernel")))
	f.Add(kernelImage([]byte("kernel"))[:600])
	f.Fuzz(func(t *testing.T, image []byte) {
		if got, err := payload(image); err == nil && !bytes.Contains(image, got) {
			t.Errorf("%d bytes from elsewhere", len(got))
		}
	})
}

func note(owner string, kind uint32, desc string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(owner)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(desc)))
	b = binary.LittleEndian.AppendUint32(b, kind)
	for _, s := range []string{owner, desc} {
		b = append(b, s...)
		b = append(b, make([]byte, -len(s)&3)...)
	}
	return b
}

func TestHasNote(t *testing.T) {
	other := append(note("Xen\x00", 6, "linux\x00"), note("GNU\x00", pvhNote, "abcd")...)
	for what, c := range map[string]struct {
		notes []byte
		want  bool
	}{
		"first":      {note("Xen\x00", pvhNote, "\x00\x00\x00\x01"), true},
		"last":       {append(bytes.Clone(other), note("Xen\x00", pvhNote, "")...), true},
		"others":     {other, false},
		"none":       {nil, false},
		"cut off":    {note("Xen\x00", pvhNote, "12345678")[:20], false},
		"huge":       {append(bytes.Repeat([]byte{0xff}, 8), note("Xen\x00", pvhNote, "")...), false},
		"name alone": {note("Xen", pvhNote, ""), false},
	} {
		if got := hasNote(c.notes, "Xen\x00", pvhNote); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func FuzzHasNote(f *testing.F) {
	f.Add([]byte{})
	f.Add(note("Xen\x00", pvhNote, "1234"))
	f.Add(bytes.Repeat([]byte{0xff}, 12))
	f.Fuzz(func(_ *testing.T, notes []byte) { hasNote(notes, "Xen\x00", pvhNote) })
}

// TestUnpackKernel has payloads that are no kernel, packed in both ways there
// are, and one packed in none.
func TestUnpackKernel(t *testing.T) {
	dir := t.TempDir()
	image, to := filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "vmlinux")
	for _, pack := range [][]string{{"xz", "-c"}, {"zstd", "-cq"}, {"cat"}} {
		cmd := exec.Command(pack[0], pack[1:]...)
		cmd.Stdin = bytes.NewReader(bytes.Repeat([]byte("no kernel"), 1000))
		packed, err := cmd.Output()
		if err != nil {
			t.Logf("%v: %v", pack, err)
			continue
		}
		if err := os.WriteFile(image, kernelImage(packed), 0o644); err != nil {
			t.Fatal(err)
		}
		if ok, err := unpackKernel(context.Background(), image, to); ok || err != nil {
			t.Errorf("%v: %v, %v", pack, ok, err)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("%v: what cannot be booted was left", pack)
		}
	}
	if err := os.WriteFile(image, kernelImage([]byte("\x28\xb5\x2f\xfd broken")), 0o644); err != nil {
		t.Fatal(err)
	}
	if ok, err := unpackKernel(context.Background(), image, to); ok || err == nil {
		t.Errorf("broken: %v, %v", ok, err)
	}
}
