// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func loadManifest(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	return nil
}

func saveManifest(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = os.WriteFile(path+".new", append(data, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// writeNote keeps an error's text; no error takes the note away.
func writeNote(path string, err error) {
	if err == nil {
		_ = os.Remove(path)
		return
	}
	if os.MkdirAll(filepath.Dir(path), 0o755) == nil {
		_ = os.WriteFile(path, []byte(err.Error()+"\n"), 0o644)
	}
}

// readNote gives a note as one line of a table or a message, or "".
func readNote(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// Megabytes words a size for tables and messages.
func Megabytes(size int64) string { return fmt.Sprintf("%d MB", (size+1<<19)>>20) }
