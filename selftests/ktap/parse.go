// SPDX-License-Identifier: Apache-2.0

package ktap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Test is one result of a report.
type Test struct {
	Name   string
	Status Status
	Reason string // of what is not Passed, if given
}

// Report is what was read of one.
type Report struct {
	Notes []string // diagnostic lines
	Tests []Test
}

// Bounds of what is read: a report may come from anywhere.
const (
	maxLine  = 1 << 20
	maxTests = 1 << 16
	maxNotes = 1 << 16
)

// Parse reads a report. Results of nested reports, which are
// indented, count as notes: their parent sums them up. A report without a plan,
// or that does not keep to it, or that was given up, is an error: tests that are
// missing must not look like tests that do not exist. Text before the report is
// passed over, as a console may have printed something first.
func Parse(r io.Reader) (Report, error) {
	var (
		log     Report
		begun   bool
		planned = -1
	)
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 4<<10), maxLine)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimRight(s.Text(), "\r")
		bad := func(format string, args ...any) error {
			return fmt.Errorf("read KTAP: line %d: %s", n, fmt.Sprintf(format, args...))
		}
		switch {
		case !begun:
			begun = line == "KTAP version 1" || line == "TAP version 13"
		case strings.HasPrefix(line, "Bail out!"):
			return log, bad("the run was given up:%s", strings.TrimPrefix(line, "Bail out!"))
		case strings.HasPrefix(line, "1.."):
			p, err := strconv.Atoi(plan(line))
			if err != nil || p < 0 || p > maxTests || planned >= 0 {
				return log, bad("%q is no plan", line)
			}
			planned = p
		case strings.HasPrefix(line, "ok "), strings.HasPrefix(line, "not ok "):
			t, number, err := parseTest(line)
			if err != nil {
				return log, bad("%v", err)
			}
			if number != len(log.Tests)+1 {
				return log, bad("test %d where %d should be", number, len(log.Tests)+1)
			}
			if len(log.Tests) == maxTests {
				return log, bad("more than %d tests", maxTests)
			}
			log.Tests = append(log.Tests, t)
		case strings.HasPrefix(line, "#") && len(log.Notes) < maxNotes:
			log.Notes = append(log.Notes, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		}
	}
	switch {
	case s.Err() != nil:
		return log, fmt.Errorf("read KTAP: %w", s.Err())
	case !begun:
		return log, errors.New("read KTAP: there is no report")
	case planned < 0:
		return log, errors.New("read KTAP: there is no plan (1..N)")
	case planned != len(log.Tests):
		return log, fmt.Errorf("read KTAP: %d tests planned, %d reported", planned, len(log.Tests))
	}
	return log, nil
}

// plan is the number of tests in a line like "1..5 # comment".
func plan(line string) string {
	text, _, _ := strings.Cut(strings.TrimPrefix(line, "1.."), "#")
	return strings.TrimSpace(text)
}

// parseTest reads a result line: [not ]ok NUMBER [-] NAME [# DIRECTIVE reason].
func parseTest(line string) (Test, int, error) {
	t := Test{Status: Passed}
	text, failed := strings.CutPrefix(line, "not ok ")
	if failed {
		t.Status = Failed
	} else {
		text = strings.TrimPrefix(line, "ok ")
	}
	digits, rest, _ := strings.Cut(text, " ")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 {
		return t, 0, fmt.Errorf("%q has no test number", line)
	}
	rest = strings.TrimPrefix(strings.TrimSpace(rest), "- ")
	name, directive, has := strings.Cut(rest, "#")
	if t.Name = strings.TrimSpace(name); t.Name == "" {
		return t, 0, fmt.Errorf("%q has no name", line)
	}
	if has {
		word, reason, _ := strings.Cut(strings.TrimSpace(directive), " ")
		switch strings.ToUpper(word) {
		case "SKIP":
			// A test that both failed and skipped did not do what it should.
			if !failed {
				t.Status = Skipped
			}
		case "XFAIL", "TODO":
			t.Status = Expected
		case "TIMEOUT", "ERROR":
			t.Status = Failed
		}
		t.Reason = strings.TrimSpace(reason)
	}
	return t, number, nil
}
