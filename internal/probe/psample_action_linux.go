// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"

	"github.com/dpscope/dpscope/ovs"
)

// PsampleAction tells whether the kernel's openvswitch has the psample action:
// it adds a flow with one to a datapath in a namespace of its own. A kernel
// without openvswitch gives an error that matches nl.ErrUnsupported.
func PsampleAction(ctx context.Context) (bool, error) {
	return ovs.ProbePsampleAction(ctx, nil)
}
