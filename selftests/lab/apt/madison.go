// SPDX-License-Identifier: Apache-2.0

package apt

import (
	"fmt"
	"strconv"
	"strings"
)

// parseMadison reads the table of apt-cache madison and gives the binary
// versions of a package in apt's order, newest first, each once. Lines look
// like "name | version | source of the index".
func parseMadison(text, pkg string) []string {
	var versions []string
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		f := strings.Split(line, "|")
		if len(f) < 3 || strings.TrimSpace(f[0]) != pkg || strings.HasSuffix(strings.TrimSpace(f[2]), "Sources") {
			continue
		}
		if v := strings.TrimSpace(f[1]); v != "" && !seen[v] {
			seen[v] = true
			versions = append(versions, v)
		}
	}
	return versions
}

// parseURI reads a line of apt-get --print-uris: 'address' file size hash.
func parseURI(text string) (file string, size int64, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.HasPrefix(f[0], "'") {
			continue
		}
		size, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil || size < 0 || strings.Contains(f[1], "/") {
			break
		}
		return f[1], size, nil
	}
	return "", 0, fmt.Errorf("read package address: %.200q is none", text)
}
