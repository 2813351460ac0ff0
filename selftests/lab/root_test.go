// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"testing"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// TestRootKernels: what installs packages must neither take a machine nor, where
// there is no kernel yet, a compiler or a suite that moves.
func TestRootKernels(t *testing.T) {
	all, stock := rootKernels()
	if len(all) < 2 {
		t.Errorf("only %v", all)
	}
	for _, k := range all {
		if k.VM != kernels.UML {
			t.Errorf("%s is no process", k)
		}
	}
	if stock.VM != kernels.UML || stock.Source != "" || stock.Moving {
		t.Errorf("the one to build is %+v", stock)
	}
}
