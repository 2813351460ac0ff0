// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
	"github.com/dpscope/dpscope/selftests/parity"
)

// listFlags choose random lists.
type listFlags struct {
	seed        uint64
	count, only int
}

func (f *listFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.Uint64Var(&f.seed, "seed", 1, "what the lists are made from")
	fl.IntVar(&f.count, "count", 200, "how many lists")
	fl.IntVar(&f.only, "only", -1, "try the list of this `INDEX` alone")
}

// header is the choice as the stream tells it.
func (f *listFlags) header() (parity.Header, error) {
	switch {
	case f.count < 1:
		return parity.Header{}, cli.Usagef("--count %d: must be positive", f.count)
	case f.only < -1:
		return parity.Header{}, cli.Usagef("--only %d: no list has such a number", f.only)
	case f.only >= 0:
		return parity.Header{Seed: f.seed, From: f.only, Count: 1}, nil
	}
	return parity.Header{Seed: f.seed, Count: f.count}, nil
}

// args are the flags again, for a command in a guest.
func (f *listFlags) args() []string {
	return []string{
		"--seed", strconv.FormatUint(f.seed, 10), "--count", strconv.Itoa(f.count), "--only", strconv.Itoa(f.only),
	}
}

func parityCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "parity",
		Short: "compare what kernels do with random action lists",
		Long: `parity boots the lab's kernels, tries the same random Open vSwitch action lists on
each, as flows and with injected packets, and compares what came out: samples,
packets, upcalls, refusals. Lists are made of psample, trunc, sample, clone,
output, userspace, VLAN tags and recirculation; about a fifth must be refused.
A model of the datapath says what each list should do, so that kernels agreeing
on something wrong is noticed, too. How often random draws go one way does not
count, only what comes of them.

The report is KTAP, one test for each kernel. Of lists that differ it shows seed
and number, the list, the packets and both results. A kernel of a suite that
moves informs: its differences are shown, but do not fail the run.

It needs what dplab needs, and no root.`,
		Example: `  dpscope-selftests parity
  dpscope-selftests parity --seed 7 --only 113 --kernels 6.1-dpscope,6.12`,
		Args: cobra.NoArgs,
	}
	var lists listFlags
	var guests guestFlags
	lists.add(cmd)
	guests.add(cmd, []string{"6.1-dpscope", "6.12", "7.2"}, kernels.UML)
	save := cmd.Flags().String("save", "", "write each kernel's results into this `DIR`, for parity compare")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := lists.header(); err != nil {
			return err
		}
		targets, err := guests.targets()
		if err != nil {
			return err
		}
		visits := guests.each(cmd.Context(), targets, cmd.ErrOrStderr(), append([]string{"parity", "run"}, lists.args()...)...)
		if err := cmd.Context().Err(); err != nil {
			return errors.New("interrupted")
		}
		rep := parityReport{all: lists.only >= 0}
		for _, v := range visits {
			if err := rep.visit(cmd, v, *save); err != nil {
				return err
			}
		}
		return rep.print(cmd)
	}
	cmd.AddCommand(parityRunCommand(), parityCompareCommand())
	return cmd
}

// visit reads what a guest gave back.
func (r *parityReport) visit(cmd *cobra.Command, v *visit, dir string) error {
	v.say(cmd)
	k := parityKernel{name: v.kernel.Name, vm: v.vm(), informs: v.kernel.Moving}
	run, err := parity.Read(&v.stdout)
	switch {
	case v.err != nil:
		err = v.err
	case v.code != 0:
		err = fmt.Errorf("the command in the guest ended with status %d", v.code)
	}
	if err != nil {
		k.trouble = err
		r.kernels = append(r.kernels, k)
		return nil
	}
	k.run, run.Lab, run.VM = len(r.runs), v.kernel.Name, v.vm()
	r.runs = append(r.runs, run)
	r.kernels = append(r.kernels, k)
	if dir == "" {
		return nil
	}
	return saveRun(filepath.Join(dir, v.kernel.Name+"."+v.vm()+".jsonl"), run)
}

func saveRun(path string, run parity.Run) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("save results: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w, err := parity.NewWriter(f, run.Header)
	for i := 0; err == nil && i < len(run.Results); i++ {
		err = w.Write(run.Results[i])
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("save results: %w", err)
	}
	return nil
}
