// SPDX-License-Identifier: Apache-2.0

//go:build linux

package upstream

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/lab"
	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/guest"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/lab/suites"
	"github.com/dpscope/dpscope/selftests/matrix"
)

// Options say what to run where.
type Options struct {
	// Series is the kernel series whose source the tests or tools are from.
	Series string
	// Kernel and Suite are what the guests run, by the lab's names.
	Kernel, Suite string
	// VM runs the kernel; empty is user-mode Linux.
	VM kernels.VM
	// Log gets a line for each step when something has to be fetched or built.
	Log io.Writer
}

// Series are the kernel series whose source has the tests: Linux 6.1 has one of
// them only, and no ynl.
var Series = []string{"6.12", "7.2"}

// ErrUnknownSeries is the cause when a series is none of those.
var ErrUnknownSeries = errors.New("no tests of that series")

// ovsDir is the suite in the kernel's source, testFiles that and what its
// scripts may want to be there.
const ovsDir = "tools/testing/selftests/net/openvswitch"

var testFiles = []string{
	ovsDir, "tools/testing/selftests/net/lib.sh", "tools/testing/selftests/net/lib", "tools/testing/selftests/kselftest",
}

//go:embed guest.sh
var guestScript string

// bench is a directory for guests to share and the kernel to boot there.
type bench struct {
	Options
	// Place is what Options name.
	Place Place
	dir   string
	image build.Image
	tree  build.Tree
}

// newBench gets everything ready: kernel, userland, and files of the source in
// the directory tree.
func newBench(ctx context.Context, opt Options, files ...string) (b *bench, err error) {
	b = &bench{Options: opt}
	if b.Place, err = place(opt); err != nil {
		return nil, err
	}
	if b.tree, err = lab.Tree(ctx, opt.Series, opt.Log); err != nil {
		return nil, err
	}
	if b.image, err = lab.Ready(ctx, opt.Kernel, opt.VM, opt.Log); err != nil {
		return nil, err
	}
	if _, err = lab.ReadySuite(ctx, opt.Suite, opt.Log); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "dpscope-upstream"); err != nil {
		return nil, fmt.Errorf("prepare tests: %w", err)
	}
	if err := b.tree.Copy(filepath.Join(b.dir, "tree"), files...); err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

// place finds the catalogues' entries. Its errors are the caller's mistakes.
func place(opt Options) (Place, error) {
	var p Place
	var err error
	if !slices.Contains(Series, opt.Series) {
		return p, fmt.Errorf("series %q: %w (there are: %s)", opt.Series, ErrUnknownSeries, strings.Join(Series, ", "))
	}
	if p.Kernel, err = kernels.Find(opt.Kernel, cmp.Or(opt.VM, kernels.UML)); err != nil {
		return p, err
	}
	p.Suite, _, err = suites.Find(opt.Suite)
	return p, err
}

// Close removes the directory.
func (b *bench) Close() error { return os.RemoveAll(b.dir) }

// notes say what is run where.
func (b *bench) notes(what string) []string {
	return []string{
		fmt.Sprintf("%s of %s %s", what, b.tree.Package, b.tree.Version),
		fmt.Sprintf("on kernel %s (%s, %s), userland %s", b.image.Name, b.image.Release, b.Place.Kernel.VM, b.Suite),
		matrix.Origin{
			Kernel: b.image.Name, VM: string(b.Place.Kernel.VM), Release: b.image.Release,
			Tests: fmt.Sprintf("%s of %s %s", what, b.tree.Package, b.tree.Version),
		}.Note(),
	}
}

// put writes a file into the directory.
func (b *bench) put(name string, data []byte, mode os.FileMode) error {
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("prepare tests: %w", err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		return fmt.Errorf("prepare tests: %w", err)
	}
	return nil
}

// boot runs a command in a guest of its own. What the kernel says goes to
// console.
func (b *bench) boot(ctx context.Context, limit time.Duration, out, console io.Writer, argv ...string) (guest.Result, error) {
	return lab.RunImage(ctx, b.image, lab.Options{
		Suite: b.Suite, Argv: argv, Dir: b.dir, Timeout: limit,
		Stdout: out, Stderr: out, Console: console, Log: b.Log,
	})
}

// DefaultTimeout is a generous limit for one test. A machine of qemu without
// KVM takes many times what user-mode Linux does for the tests' Python.
func DefaultTimeout(vm kernels.VM) time.Duration {
	if vm == kernels.QEMU {
		return 15 * time.Minute
	}
	return 5 * time.Minute
}

// Tests lists the tests of a series and tells where they would run. It fetches
// the source but builds nothing.
func Tests(ctx context.Context, opt Options) ([]Test, Place, error) {
	p, err := place(opt)
	if err != nil {
		return nil, p, err
	}
	tree, err := lab.Tree(ctx, opt.Series, opt.Log)
	if err != nil {
		return nil, p, err
	}
	script, err := tree.ReadFile(ovsDir + "/openvswitch.sh")
	if err != nil {
		return nil, p, err
	}
	tests, err := ParseTests(string(script))
	return tests, p, err
}

// Suite is the kernel's test suite, ready to run.
type Suite struct {
	*bench
	tools   []Tool
	timeout time.Duration
}

// OpenSuite gets the suite of a series and what it runs on ready, to be driven
// by one of the tools at a time. A test that takes longer than timeout fails.
// Close removes what it made.
func OpenSuite(ctx context.Context, opt Options, tools []Tool, timeout time.Duration) (*Suite, error) {
	b, err := newBench(ctx, opt, testFiles...)
	if err != nil {
		return nil, err
	}
	s := &Suite{bench: b, tools: tools, timeout: timeout}
	if err := s.fill(); err != nil {
		_ = b.Close()
		return nil, err
	}
	return s, nil
}

func (s *Suite) fill() error {
	if err := s.put("guest.sh", []byte(guestScript), 0o755); err != nil {
		return err
	}
	for _, t := range s.tools {
		dir := filepath.Join("bin", t.Name)
		for name, text := range t.Files {
			if err := s.put(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
				return err
			}
		}
		for name, path := range t.Programs {
			program, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("prepare tests: the tool %q: %w", t.Name, err)
			}
			if err := s.put(filepath.Join(dir, name), program, 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// Notes say what is run where.
func (s *Suite) Notes() []string {
	var names []string
	for _, t := range s.tools {
		names = append(names, t.Name)
	}
	return append(s.notes(ovsDir), "driven by the tool "+strings.Join(names, ", then "))
}

// Drivers are the ways to run a test, one for each tool.
func (s *Suite) Drivers() []Driver {
	var out []Driver
	for _, tool := range s.tools {
		d := Driver{Boot: func(ctx context.Context, t Test) Ended { return s.run(ctx, t, tool) }}
		if len(s.tools) > 1 {
			d.Name = tool.Name
		}
		out = append(out, d)
	}
	return out
}

// run runs one test.
func (s *Suite) run(ctx context.Context, t Test, tool Tool) Ended {
	var out, kernel capped
	start := time.Now()
	res, err := s.boot(ctx, s.timeout, &out, &kernel, "bash", "guest.sh", t.Name, tool.Name)
	e := Ended{Exit: res.Code, TimedOut: res.TimedOut, Err: err, Took: time.Since(start)}
	e.Log, e.Kernel = out.String(), kernel.String()
	return e
}
