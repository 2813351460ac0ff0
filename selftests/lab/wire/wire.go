// SPDX-License-Identifier: Apache-2.0

// Package wire is what the host side of a guest and its first process tell
// each other: the job, its outcome and the messages in between.
//
// Both sides share one directory, the run directory. The host writes job.json
// before the boot, and numbered files below in/ (standard input) and ctl/
// (signals, window sizes) while the command runs; a file appears by rename, so
// that whoever sees it sees all of it. A byte on the doorbell line says that
// there is something new; it carries nothing else, hence a lost one costs a
// short wait only. The guest answers with text lines on the report line and
// leaves the outcome in status.json.
package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names below the run directory.
const (
	JobFile    = "job.json"
	StatusFile = "status.json"
	InputDir   = "in"
	ControlDir = "ctl"
)

// EnvRun names the run directory to the guest's first process; its presence
// with process id 1 makes the program the guest's init. EnvVM tells it, and the
// command, what runs the kernel.
const (
	EnvRun = "DPLAB_RUN"
	EnvVM  = "DPLAB_VM"
)

// Values of EnvVM.
const (
	VMUML  = "uml"
	VMQEMU = "qemu"
)

// Lines between guest and host. Standard input has no line of its own: bytes
// sent before the guest opens the line are lost, and a hang-up takes unread
// ones with it.
const (
	LineDoorbell = "doorbell" // host to guest: look into in/ and ctl/
	LineStdout   = "stdout"
	LineStderr   = "stderr"
	LineReport   = "report" // guest to host: text lines
)

// Lines are all of them, in the order of the serial lines that they are in
// user-mode Linux, where they have no names.
var Lines = []string{LineDoorbell, LineStdout, LineStderr, LineReport}

// Names under which a machine offers directories of the host: its root, for
// reading, the run directory and the working directory.
const (
	TagRoot = "root"
	TagRun  = "run"
	TagDir  = "dir"
)

// BootModules is the directory of a machine's initrd with the modules that the
// first process loads, in the order of their names.
const BootModules = "modules"

// ChunkSize is the most bytes of standard input one file carries, and
// MaxChunks the most files that wait for the guest.
const (
	ChunkSize = 256 << 10
	MaxChunks = 32
)

// Job is what the guest is to do.
type Job struct {
	// Kernel is the release the guest must be running.
	Kernel string `json:"kernel"`
	// Modules is the host's directory with the kernel's module tree.
	Modules string `json:"modules"`
	// Root is the host's directory whose tree becomes the guest's root; empty
	// is the host's own root.
	Root string `json:"root,omitempty"`
	// Argv is the command, its first word looked up in Env's PATH.
	Argv Texts `json:"argv"`
	// Env is the command's whole environment, NAME=VALUE.
	Env Texts `json:"env"`
	// Dir is the command's working directory, absolute and free of symlinks.
	Dir Text `json:"dir"`
	// ShareDir mounts the host's Dir writable.
	ShareDir bool `json:"share_dir"`
	// Expose are the host's directories to show read-only where a file system
	// of the guest's own would hide them, ExposeFiles single files.
	Expose      Texts `json:"expose,omitempty"`
	ExposeFiles Texts `json:"expose_files,omitempty"`
	// TTY runs the command on a terminal of Rows and Cols.
	TTY  bool   `json:"tty,omitempty"`
	Rows uint16 `json:"rows,omitempty"`
	Cols uint16 `json:"cols,omitempty"`
}

// Text is a string of any bytes. Arguments and paths need not be UTF-8, and
// JSON replaces what is not; so it stands there in base64.
type Text string

// MarshalText gives the text in base64.
func (t Text) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(t)), nil
}

// UnmarshalText reads what MarshalText gave.
func (t *Text) UnmarshalText(data []byte) error {
	raw, err := base64.StdEncoding.DecodeString(string(data))
	*t = Text(raw)
	return err
}

// Texts are strings of any bytes.
type Texts []string

// MarshalJSON gives an array of Text.
func (t Texts) MarshalJSON() ([]byte, error) {
	list := make([]Text, len(t))
	for i, s := range t {
		list[i] = Text(s)
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON gave.
func (t *Texts) UnmarshalJSON(data []byte) error {
	var list []Text
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*t = make(Texts, len(list))
	for i, s := range list {
		(*t)[i] = string(s)
	}
	return nil
}

// Status is how the command ended. Exactly one of the three cases holds: Error
// is set (the guest could not do its work), Signal is not zero, or Exit counts.
type Status struct {
	Exit   int    `json:"exit"`
	Signal int    `json:"signal,omitempty"`
	Error  string `json:"error,omitempty"`
	// Message explains an Exit that the lab and not the command chose: 126
	// and 127.
	Message string `json:"message,omitempty"`
}

// Masked are the guest's directories that carry a file system of its own, so
// that the host's content of them is not seen.
var Masked = []string{"/dev", "/proc", "/run", "/sys", "/tmp"}

// IsMasked tells whether a clean absolute path lies in a masked directory.
func IsMasked(path string) bool {
	return slices.ContainsFunc(Masked, func(m string) bool { return Below(path, m) })
}

// IsMountPoint tells whether a clean absolute path is where a file system of
// the guest's own begins that programs may lie in on the host.
func IsMountPoint(path string) bool { return slices.Contains(Masked, path) || path == "/dev/shm" }

// Below tells whether a clean absolute path is a directory or lies in it.
func Below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// InputName is the name of input file n. The last one ends the input and
// carries no data.
func InputName(n int, last bool) string {
	if last {
		return fmt.Sprintf("%d.eof", n)
	}
	return fmt.Sprintf("%d", n)
}

// Control is a message from the host to the guest.
type Control struct {
	// Signal is sent to the command's process group when not zero.
	Signal int `json:"signal,omitempty"`
	// Hangup closes the command's standard output (1) or error (2): the host's
	// reader has gone.
	Hangup int `json:"hangup,omitempty"`
	// Rows and Cols are the terminal's new size when not zero.
	Rows uint16 `json:"rows,omitempty"`
	Cols uint16 `json:"cols,omitempty"`
}

// Report is one line from the guest.
type Report struct {
	// Kind is one of the Report constants.
	Kind string
	// N is the number of the input file an ack is about.
	N int
	// Out and Err are how many bytes of output the guest has sent by the time
	// it is done.
	Out, Err int64
}

// Kinds of report lines.
const (
	ReportUp      = "up"      // the first process runs and has read the job
	ReportStarted = "started" // the command runs: signals can be delivered
	ReportAck     = "ack"     // input file N has been taken over
	ReportShut    = "shut"    // the command has closed its standard input
	ReportDone    = "done"    // the status is written, all output is out
)

// String is the report's line without its end.
func (r Report) String() string {
	switch r.Kind {
	case ReportAck:
		return r.Kind + " " + strconv.Itoa(r.N)
	case ReportDone:
		return fmt.Sprintf("%s %d %d", r.Kind, r.Out, r.Err)
	}
	return r.Kind
}

// ParseReport reads a report line.
func ParseReport(line string) (Report, error) {
	kind, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch kind {
	case ReportUp, ReportStarted, ReportShut:
		if arg == "" {
			return Report{Kind: kind}, nil
		}
	case ReportAck:
		if n, err := strconv.Atoi(arg); err == nil && n >= 0 {
			return Report{Kind: kind, N: n}, nil
		}
	case ReportDone:
		out, errs, _ := strings.Cut(arg, " ")
		o, oerr := strconv.ParseInt(out, 10, 64)
		e, eerr := strconv.ParseInt(errs, 10, 64)
		if oerr == nil && eerr == nil && o >= 0 && e >= 0 {
			return Report{Kind: kind, Out: o, Err: e}, nil
		}
	}
	return Report{}, fmt.Errorf("read guest report: %q is no report", line)
}

// WriteFile puts data into a file of the run directory so that it is seen
// whole or not at all.
func WriteFile(path string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(path), ".new-"+filepath.Base(path))
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("write run directory: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write run directory: %w", err)
	}
	return nil
}

// WriteJSON is WriteFile of a value's JSON.
func WriteJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write run directory: %w", err)
	}
	return WriteFile(path, data)
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read run directory: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read run directory %s: %w", filepath.Base(path), err)
	}
	return nil
}
