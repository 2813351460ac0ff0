// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoBlock is the cause when a document has no place for what is to be kept
// in it.
var ErrNoBlock = errors.New("there is no such block in the document")

// block finds the text between <!-- NAME: ... --> and <!-- end of NAME -->.
func block(doc, name string) (start, end int, err error) {
	open := "<!-- " + name + ":"
	i := strings.Index(doc, open)
	if i < 0 {
		return 0, 0, fmt.Errorf("block %s: %w", name, ErrNoBlock)
	}
	n := strings.Index(doc[i:], "-->\n")
	if n < 0 {
		return 0, 0, fmt.Errorf("block %s: its first line does not end: %w", name, ErrNoBlock)
	}
	start = i + n + len("-->\n")
	n = strings.Index(doc[start:], "<!-- end of "+name+" -->")
	if n < 0 {
		return 0, 0, fmt.Errorf("block %s: it does not end: %w", name, ErrNoBlock)
	}
	return start, start + n, nil
}

// Block is what a document keeps under a name.
func Block(doc, name string) (string, error) {
	start, end, err := block(doc, name)
	if err != nil {
		return "", err
	}
	return strings.Trim(doc[start:end], "\n"), nil
}

// ReplaceBlock gives the document with other text under a name.
func ReplaceBlock(doc, name, text string) (string, error) {
	start, end, err := block(doc, name)
	if err != nil {
		return "", err
	}
	return doc[:start] + "\n" + strings.Trim(text, "\n") + "\n\n" + doc[end:], nil
}

// Tables reads the Markdown tables of a text, row by row, without the line
// under the titles.
func Tables(text string) [][][]string {
	var (
		out   [][][]string
		table [][]string
	)
	for line := range strings.Lines(text + "\n\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if table != nil {
				out = append(out, table)
				table = nil
			}
			continue
		}
		if strings.Trim(line, "|-: ") == "" {
			continue
		}
		var row []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), " |") {
			row = append(row, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(cell), "|")))
		}
		table = append(table, row)
	}
	return out
}
