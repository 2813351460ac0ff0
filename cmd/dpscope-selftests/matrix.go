// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/cases"
	"github.com/dpscope/dpscope/selftests/ktap"
	"github.com/dpscope/dpscope/selftests/lab"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/matrix"
)

// matrixSchema names the JSON form of matrix.
const matrixSchema = "selftests-matrix/1"

// matrixBlock is the place in a document that holds the matrix.
const matrixBlock = "matrix"

func matrixCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "run the cases on every kernel and print a table",
		Long: `matrix runs all cases on the lab's kernels and prints a table: a row for each case,
a column for each kernel and what runs it, with the versions of everything above
and totals below. Each cell says ok, FAIL or skip, and why.

With --from it makes the table of reports that are there already, in KTAP: what
run prints tells by itself which kernel it is of. Other commands' reports make
rows of their own. Nothing is booted then.

--write puts the table into a document, between the lines that mark its place.

Exit status: 0 everything has run and nothing failed; 1 otherwise. A kernel of a
suite that moves informs only.`,
		Example: `  dpscope-selftests matrix
  dpscope-selftests matrix --kernels 6.1-dpscope,6.12 -j
  dpscope-selftests matrix --from run-6.1.log run-6.12.log`,
		Args: cobra.ArbitraryArgs,
	}
	var guests guestFlags
	var form cli.ListFlags
	guests.add(cmd, kernelNames(), kernels.VMs()...)
	form.Add(cmd)
	from := cmd.Flags().Bool("from", false, "read reports in KTAP from the `FILE`s given instead of booting")
	markdown := cmd.Flags().Bool("markdown", false, "print the table in Markdown")
	write := cmd.Flags().String("write", "", "put the table into this Markdown `DOCUMENT`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case *from && len(args) == 0:
			return cli.Usagef("--from: a file is missing (see: dpscope-selftests matrix --help)")
		case !*from && len(args) > 0:
			return cli.Usagef("%q: files are taken with --from only (see: dpscope-selftests matrix --help)", args[0])
		}
		var t *matrix.Table
		var err error
		if *from {
			t, err = matrixOf(args)
		} else {
			t, err = runMatrix(cmd, &guests)
		}
		if err != nil {
			return err
		}
		if *write != "" {
			if err := writeBlock(*write, matrixBlock, t.WriteMarkdown); err != nil {
				return err
			}
		}
		out := cmd.OutOrStdout()
		switch {
		case form.JSON():
			err = cli.PrintList(out, matrixSchema, t.Cells(), form.Pretty())
		case *markdown:
			err = t.WriteMarkdown(out)
		default:
			err = t.WriteText(out)
		}
		if err == nil && !t.OK() {
			return cli.Exit(cli.ExitFailed)
		}
		return err
	}
	return cmd
}

// matrixGroups are the tests whose absence is worth noticing. Other suites'
// reports make a group of their own behind them; one that is to be complete
// goes here.
func matrixGroups() []matrix.Group {
	g := matrix.Group{Title: "case"}
	for _, c := range cases.All() {
		g.Tests = append(g.Tests, c.Name)
	}
	return []matrix.Group{g}
}

// columnsOf makes columns, with what the lab knows about the kernels.
func columnsOf(targets []target) []matrix.Column {
	entries, _ := lab.List() // without it the table has gaps
	var out []matrix.Column
	for _, t := range targets {
		c := matrix.Column{Origin: matrix.Origin{Kernel: t.kernel.Name, VM: t.vm()}, Informs: t.kernel.Moving}
		for _, e := range entries {
			if e.Name == c.Kernel && e.VM == c.VM && e.Version != "" {
				c.Packages, c.Modules = e.Source, e.Compiler
			}
		}
		out = append(out, c)
	}
	return out
}

// runMatrix boots every kernel.
func runMatrix(cmd *cobra.Command, guests *guestFlags) (*matrix.Table, error) {
	targets, err := guests.targets()
	if err != nil {
		return nil, err
	}
	visits := guests.each(cmd.Context(), targets, cmd.ErrOrStderr(), "run")
	if cmd.Context().Err() != nil {
		return nil, errors.New("interrupted")
	}
	t := matrix.New(matrixGroups(), columnsOf(targets))
	for _, v := range visits {
		v.say(cmd)
		log, err := ktap.Parse(bytes.NewReader(v.stdout.Bytes()))
		if v.err != nil {
			err = v.err
		}
		if err == nil {
			err = t.Add(log)
		}
		if err != nil {
			t.SetTrouble(v.kernel.Name, v.vm(), err.Error())
		}
	}
	return t, nil
}

// matrixOf makes the table of reports in files.
func matrixOf(files []string) (*matrix.Table, error) {
	var targets []target
	for _, k := range kernels.All() {
		targets = append(targets, target{kernel: k})
	}
	// Only kernels that reports are of get a column, in the catalogue's order.
	var logs []ktap.Report
	seen := map[string]bool{}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read report: %w", err)
		}
		log, err := ktap.Parse(f)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if o, ok := matrix.OriginOf(log); ok {
			seen[o.Kernel+"/"+o.VM] = true
		}
		logs = append(logs, log)
	}
	var columns []matrix.Column
	for _, c := range columnsOf(targets) {
		if seen[c.Kernel+"/"+c.VM] {
			columns = append(columns, c)
		}
	}
	t := matrix.New(matrixGroups(), columns)
	for i, log := range logs {
		if err := t.Add(log); err != nil {
			return nil, fmt.Errorf("%s: %w", files[i], err)
		}
	}
	return t, nil
}

// writeBlock puts what render writes into a document.
func writeBlock(path, name string, render func(io.Writer) error) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	var text bytes.Buffer
	if err := render(&text); err != nil {
		return err
	}
	changed, err := matrix.ReplaceBlock(string(doc), name, text.String())
	if err == nil {
		err = os.WriteFile(path, []byte(changed), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write %s into %s: %w", name, path, err)
	}
	return nil
}
