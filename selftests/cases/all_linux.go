// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"slices"

	"github.com/dpscope/dpscope/selftests"
)

// All lists every case in the order of the report.
func All() []selftests.Case {
	return slices.Concat(tcCases(), psampleCases(), userspaceCases(), ovsCases(), probabilityCases(), inputCases(), tunnelCases(), knownCases(), moduleCases())
}
