// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab

import (
	"context"
	"io"

	"github.com/dpscope/dpscope/selftests/lab/build"
	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// Tree gives the tests and netlink tools in the source of a kernel series of the
// catalogue, fetched if they are not there yet.
func Tree(ctx context.Context, series string, log io.Writer) (build.Tree, error) {
	k, err := kernels.FindSource(series)
	if err != nil {
		return build.Tree{}, err
	}
	b, err := builder(log)
	if err != nil {
		return build.Tree{}, err
	}
	return b.Tree(ctx, k)
}
