// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
)

// consoleTail keeps the end of what the kernel prints.
type consoleTail struct {
	mu   sync.Mutex
	buf  []byte
	copy io.Writer
}

const consoleMax = 64 << 10

// Write takes kernel messages. It never fails, so that the kernel never waits.
func (c *consoleTail) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = append(c.buf, p...)
	if extra := len(c.buf) - consoleMax; extra > 0 {
		c.buf = slices.Delete(c.buf, 0, extra)
	}
	if c.copy != nil {
		_, _ = c.copy.Write(p)
	}
	return len(p), nil
}

const panicText = "Kernel panic"

// panicked tells whether the kernel has said so.
func (c *consoleTail) panicked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Contains(c.buf, []byte(panicText))
}

// alarms gives the last n lines in which the kernel tells of a bug or a hang.
func (c *consoleTail) alarms(n int) []string {
	all := slices.DeleteFunc(c.lines(consoleMax), func(line string) bool {
		return !slices.ContainsFunc([]string{"BUG: ", "WARNING: ", "Oops", "rcu: INFO", "blocked for more than", panicText},
			func(text string) bool { return strings.Contains(line, text) })
	})
	return all[max(0, len(all)-n):]
}

// isTrace recognises the addresses of a stack dump.
func isTrace(line string) bool {
	if _, rest, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(line, "[ ") {
		line = strings.TrimSpace(rest)
	}
	if strings.HasPrefix(line, "[<") || line == "Stack:" || line == "Call Trace:" {
		return true
	}
	return strings.Trim(line, "0123456789abcdef ") == "" && len(line) >= 17
}

// lines gives the last n lines that say something, or those around a panic.
func (c *consoleTail) lines(n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	panicked := false
	for line := range strings.Lines(string(c.buf)) {
		line = strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' || r == 0x7f {
				return -1
			}
			return r
		}, line)
		switch line = strings.TrimSpace(line); {
		case line == "" || isTrace(line):
			continue
		case strings.Contains(line, panicText):
			// The cause: what came before matters less than what comes now.
			out = out[max(0, len(out)-2):]
			panicked = true
		}
		if !panicked || len(out) < n {
			out = append(out, line)
		}
	}
	return out[max(0, len(out)-n):]
}
