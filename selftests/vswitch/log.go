// SPDX-License-Identifier: Apache-2.0

package vswitch

import "strings"

// LogLine is one line of a daemon's log.
type LogLine struct {
	Time   string // as written, UTC
	Module string // with the thread, if it is not the main one: "dpif(handler2)"
	Level  string // DBG, INFO, WARN, ERR or EMER
	Text   string
}

func (l LogLine) String() string { return l.Time + "|" + l.Module + "|" + l.Level + "|" + l.Text }

// Bad tells whether the line reports an error of the daemon's.
func (l LogLine) Bad() bool { return l.Level == "ERR" || l.Level == "EMER" }

// ParseLog reads a log as Open vSwitch writes it to files,
// TIME|NUMBER|MODULE|LEVEL|TEXT. A line of another form is the rest of a text
// of several lines.
func ParseLog(text string) []LogLine {
	var lines []LogLine
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		f := strings.SplitN(line, "|", 5)
		if len(f) == 5 && strings.HasSuffix(f[0], "Z") {
			lines = append(lines, LogLine{Time: f[0], Module: f[2], Level: f[3], Text: f[4]})
		} else if n := len(lines); n > 0 {
			lines[n-1].Text += "\n" + line
		}
	}
	return lines
}
