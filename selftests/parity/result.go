// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Header is what a run says about itself before its results.
type Header struct {
	Type string `json:"type"` // "parity"
	V    int    `json:"v"`
	Seed uint64 `json:"seed"`
	// From is the first list, Count how many there are.
	From  int `json:"from"`
	Count int `json:"count"`
	// Kernel is the release; Lab is the lab's name for it and VM what ran it,
	// if it was in the lab.
	Kernel string `json:"kernel"`
	Lab    string `json:"lab,omitempty"`
	VM     string `json:"vm,omitempty"`
	// Trunc is how the kernel keeps a trunc.
	Trunc Trunc `json:"trunc"`
	// Recirc tells how the flows behind recirc() were taken, by errno.
	Recirc map[uint32]string `json:"recirc,omitempty"`
}

// Result is what a kernel did with a list.
type Result struct {
	Type    string `json:"type"` // "list"
	Index   int    `json:"index"`
	Actions string `json:"actions"`
	Paths   []Path `json:"paths"`
}

// Ways into the datapath.
const (
	PathFlow    = "flow"    // packets match a flow with the list
	PathExecute = "execute" // packets are injected together with it
)

// Path is what it did on one of the ways.
type Path struct {
	Path string `json:"path"`
	// Errno is the name of what the list was refused with, "" when it was taken.
	Errno string `json:"errno"`
	// Packets has the distinct outcomes of each kind of packet.
	Packets [][]Outcome `json:"packets,omitempty"`
}

// trailer ends a stream, so that one that broke off is noticed.
type trailer struct {
	Type  string `json:"type"` // "end"
	Lists int    `json:"lists"`
}

// Run is the results of one kernel.
type Run struct {
	Header
	Results []Result
}

// version is that of the stream.
const version = 1

// Writer writes a run as JSON Lines.
type Writer struct {
	enc *json.Encoder
	n   int
}

// NewWriter begins a stream.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	h.Type, h.V = "parity", version
	return &Writer{enc: enc}, enc.Encode(h)
}

// Write writes the result of the next list.
func (w *Writer) Write(r Result) error {
	r.Type = "list"
	w.n++
	return w.enc.Encode(r)
}

// Close ends the stream; it does not close what is below.
func (w *Writer) Close() error { return w.enc.Encode(trailer{"end", w.n}) }

// Bounds of what is read: a stream comes from another machine.
const (
	maxLine  = 16 << 20
	maxLists = 1 << 20
)

// Read reads what a Writer wrote, to its end.
func Read(r io.Reader) (Run, error) {
	var run Run
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	line, ended := 0, false
	for s.Scan() {
		line++
		if ended {
			return run, fmt.Errorf("read results: line %d: there is more after the end", line)
		}
		var err error
		if line == 1 {
			err = run.readHeader(s.Bytes())
		} else {
			ended, err = run.readLine(s.Bytes())
		}
		if err != nil {
			return run, fmt.Errorf("read results: line %d: %w", line, err)
		}
	}
	switch {
	case s.Err() != nil:
		return run, fmt.Errorf("read results: after line %d: %w", line, s.Err())
	case !ended:
		return run, fmt.Errorf("read results: the stream breaks off after %d of %d lists", len(run.Results), run.Count)
	}
	return run, nil
}

func (r *Run) readHeader(b []byte) error {
	if err := strict(b, &r.Header); err != nil {
		return err
	}
	switch {
	case r.Type != "parity":
		return fmt.Errorf("a line of type %q where the header should be", r.Type)
	case r.V != version:
		return fmt.Errorf("results of version %d, this program reads %d", r.V, version)
	case r.Trunc != TruncCut && r.Trunc != TruncKeep:
		return fmt.Errorf("trunc %q is neither %q nor %q", r.Trunc, TruncCut, TruncKeep)
	case r.From < 0 || r.Count < 1 || r.Count > maxLists || r.From > maxLists:
		return fmt.Errorf("%d lists from number %d on: not between 1 and %d", r.Count, r.From, maxLists)
	}
	return nil
}

func (r *Run) readLine(b []byte) (ended bool, err error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &kind); err != nil {
		return false, err
	}
	switch kind.Type {
	case "list":
		var res Result
		if err := strict(b, &res); err != nil {
			return false, err
		}
		if want := r.From + len(r.Results); res.Index != want || len(r.Results) == r.Count {
			return false, fmt.Errorf("list %d where %d of %d should be", res.Index, want, r.From+r.Count)
		}
		r.Results = append(r.Results, res)
		return false, nil
	case "end":
		var end trailer
		if err := strict(b, &end); err != nil {
			return false, err
		}
		if end.Lists != len(r.Results) || end.Lists != r.Count {
			return false, fmt.Errorf("%d lists, %d announced, %d at the end", len(r.Results), r.Count, end.Lists)
		}
		return true, nil
	default:
		return false, fmt.Errorf("a line of type %q", kind.Type)
	}
}

// strict reads one JSON object and nothing else.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one object")
	}
	return nil
}
