// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// lineOp is what is to be done with a flow of a file.
type lineOp uint8

const (
	lineAdd lineOp = iota
	lineModify
	lineDelete
)

// flowLine is a line of a file of flows.
type flowLine struct {
	op         lineOp
	flow       string
	actions    string
	hasActions bool
}

var lineWords = map[string]lineOp{
	"add": lineAdd, "mod": lineModify, "modify": lineModify, "del": lineDelete, "delete": lineDelete,
}

// splitFlowLine takes a line apart: a word that says what to do, a flow, and
// either ", packets:..., actions:ACTIONS" as dump-flows prints it, or blanks and
// the actions. What it makes of nonsense, the parsers of flow and actions refuse.
func splitFlowLine(line string, op lineOp) flowLine {
	l := flowLine{op: op}
	line = strings.TrimSpace(line)
	if word, rest, ok := strings.Cut(line, " "); ok {
		if o, known := lineWords[word]; known {
			l.op, line = o, strings.TrimSpace(rest)
		}
	}
	const counters, actions = ", packets:", "actions:"
	if i := strings.Index(line, counters); i >= 0 {
		l.flow = line[:i]
		if _, after, ok := strings.Cut(line[i:], actions); ok {
			l.actions, l.hasActions = after, true
		}
		return l
	}
	if before, after, ok := strings.Cut(line, actions); ok {
		l.flow, l.actions, l.hasActions = strings.TrimRight(before, " \t,"), after, true
		return l
	}
	if i := actionsAt(line); i >= 0 {
		l.flow, l.actions, l.hasActions = line[:i], strings.TrimSpace(line[i:]), true
		return l
	}
	l.flow = line
	return l
}

// actionsAt finds the blank between flow and actions: the first outside of
// parentheses that is not behind a comma. It returns -1 without one.
func actionsAt(line string) int {
	depth, last := 0, byte(',')
	for i := range len(line) {
		switch c := line[i]; c {
		case ' ', '\t':
			if depth == 0 && last != ',' {
				return i
			}
			continue
		case '(':
			depth++
		case ')':
			depth--
		}
		last = line[i]
	}
	return -1
}
