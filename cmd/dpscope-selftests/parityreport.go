// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/ktap"
	"github.com/dpscope/dpscope/selftests/matrix"
	"github.com/dpscope/dpscope/selftests/parity"
)

// parityReport compares kernels and says how it went.
type parityReport struct {
	kernels []parityKernel
	runs    []parity.Run
	all     bool // show every difference in full
}

// parityKernel is one that was to be compared.
type parityKernel struct {
	name    string
	vm      string
	informs bool  // it does not gate
	trouble error // it gave no results
	run     int   // among the report's
}

// test names the test so that a matrix knows what it is of.
func (k parityKernel) test() string { return matrix.At("parity", k.name, cmp.Or(k.vm, onHost)) }

// print judges and writes the report. The error is the exit status.
func (r *parityReport) print(cmd *cobra.Command) error {
	var j parity.Judgement
	if len(r.runs) > 0 {
		var err error
		if j, err = parity.Judge(r.runs); err != nil {
			return err
		}
	}
	k := ktap.NewWriter(cmd.OutOrStdout(), len(r.kernels))
	if len(r.runs) > 0 {
		h := r.runs[0].Header
		k.Note(fmt.Sprintf("random action lists %d to %d of seed %d", h.From, h.From+h.Count-1, h.Seed))
		for _, run := range r.runs {
			k.Note(run.String())
		}
		for _, line := range j.Summary(r.runs, r.all) {
			k.Note(line)
		}
	}
	gates := false
	for _, kernel := range r.kernels {
		gates = gates || !kernel.informs
		o := ktap.Outcome{}
		switch {
		case kernel.trouble != nil:
			o.Failf("%s: %v", kernel.name, kernel.trouble)
		case j.Differing[kernel.run] > 0:
			o.Failf("%s: %d lists differ", kernel.name, j.Differing[kernel.run])
		}
		if o.Status == ktap.Failed && kernel.informs {
			o.Status, o.Reason = ktap.Expected, "its suite moves"
			cli.Warnf(cmd, "WARNING: kernel %s differs or was not to be had; it moves, so it informs only", kernel.name)
		}
		for _, line := range o.Lines {
			k.Note(line)
		}
		k.Result(kernel.test(), o)
	}
	k.Totals()
	if err := k.Err(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	// Nothing but kernels that inform, and none that did well, is no success.
	if n := k.Counts(); n.Failed > 0 || n.Passed == 0 && !gates {
		return cli.Exit(cli.ExitFailed)
	}
	return nil
}
